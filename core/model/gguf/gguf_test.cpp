#include "model/gguf/gguf.hpp"

#include <limits>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include "model/gguf/gguf_bytes.hpp"

using namespace cuecard;

namespace {

std::string error_of(const TestFolder& folder, const std::string& bytes) {
  const auto path = folder.write("a.gguf", bytes);
  return sentence([&] { GgufFile file(path); });
}

const std::string floats = raw(1.0f) + raw(2.0f) + raw(3.0f) + raw(4.0f) + raw(5.0f) + raw(6.0f);

} // namespace

TEST_CASE("gguf: metadata of every type") {
  TestFolder folder;
  const std::string array =
      raw<uint32_t>(9) + raw<uint64_t>(1) + raw<uint32_t>(4) + raw<uint64_t>(1) + raw<uint32_t>(1);
  const GgufFile file(folder.write(
      "a.gguf",
      file_of({pair("u8", 0, raw<uint8_t>(200)), pair("i8", 1, raw<int8_t>(-100)),
               pair("u16", 2, raw<uint16_t>(60000)), pair("i16", 3, raw<int16_t>(-30000)),
               pair("u32", 4, raw<uint32_t>(4'000'000'000)), pair("i32", 5, raw<int32_t>(-2'000'000'000)),
               pair("f32", 6, raw(0.5f)), pair("bool", 7, raw<uint8_t>(1)),
               pair("text", 8, text(std::string("a\0b", 3))), pair("u64", 10, raw<uint64_t>(5'000'000'000)),
               pair("huge", 10, raw(~uint64_t{0})), pair("i64", 11, raw<int64_t>(-5'000'000'000)),
               pair("f64", 12, raw(0.1)),
               pair("ints", 9, raw<uint32_t>(1) + raw<uint64_t>(2) + raw<int8_t>(-1) + raw<int8_t>(7)),
               pair("floats", 9, raw<uint32_t>(6) + raw<uint64_t>(1) + raw(0.25f)),
               pair("bools", 9, raw<uint32_t>(7) + raw<uint64_t>(2) + raw<uint8_t>(1) + raw<uint8_t>(0)),
               pair("texts", 9, raw<uint32_t>(8) + raw<uint64_t>(2) + text("x") + text("")),
               pair("empty", 9, raw<uint32_t>(8) + raw<uint64_t>(0)), pair("lists", 9, array)},
              {}, "")));
  const auto value = [&](const char* key) { return file.metadata().find(key)->second; };
  CHECK(value("u8") == GgufValue(int64_t{200}));
  CHECK(value("i8") == GgufValue(int64_t{-100}));
  CHECK(value("u16") == GgufValue(int64_t{60000}));
  CHECK(value("i16") == GgufValue(int64_t{-30000}));
  CHECK(value("u32") == GgufValue(int64_t{4'000'000'000}));
  CHECK(value("i32") == GgufValue(int64_t{-2'000'000'000}));
  CHECK(value("f32") == GgufValue(0.5));
  CHECK(value("bool") == GgufValue(true));
  CHECK(value("text") == GgufValue(std::string("a\0b", 3)));
  CHECK(value("u64") == GgufValue(int64_t{5'000'000'000}));
  CHECK(value("huge") == GgufValue(~uint64_t{0}));
  CHECK(value("i64") == GgufValue(int64_t{-5'000'000'000}));
  CHECK(value("f64") == GgufValue(0.1));
  CHECK(value("ints") == GgufValue(std::vector<int64_t>{-1, 7}));
  CHECK(value("floats") == GgufValue(std::vector<double>{0.25}));
  CHECK(value("bools") == GgufValue(std::vector<int64_t>{1, 0}));
  CHECK(value("texts") == GgufValue(std::vector<std::string>{"x", ""}));
  CHECK(value("empty") == GgufValue(std::vector<std::string>{}));
  CHECK(value("lists") == GgufValue(std::monostate{}));
}

TEST_CASE("gguf: dimensions are reversed, unquantised tensors are unchanged") {
  TestFolder folder;
  const GgufFile file(folder.write(
      "a.gguf", file_of({}, {info("x", {3, 2}, 0, 0), info("y", {2}, 1, 32)},
                        floats + std::string(8, '\0') + raw<uint16_t>(0x3c00) + raw<uint16_t>(0xc000), 2)));
  CHECK(file.version() == 2);
  const at::Tensor x = file.tensor("x");
  CHECK(x.sizes() == at::IntArrayRef{2, 3});
  CHECK(x[1][0].item<float>() == 4.0f);
  CHECK((file.tensor("y").scalar_type() == at::kHalf));
  CHECK(file.tensor("y")[1].item<float>() == -2.0f);
  CHECK(contains(sentence([&] { file.tensor("Y"); }), "Did you mean"));
}

TEST_CASE("gguf: a file truncated anywhere is rejected") {
  TestFolder folder;
  const std::string valid = file_of({pair("general.name", 8, text("me")),
                                     pair("n", 9, raw<uint32_t>(8) + raw<uint64_t>(2) + text("a") + text("b"))},
                                    {info("x", {3, 2}, 0, 0)}, floats);
  CHECK(error_of(folder, valid).empty());
  for (std::size_t size = 0; size < valid.size(); ++size)
    CHECK_MESSAGE(contains(error_of(folder, valid.substr(0, size)), "a.gguf: "), size);
}

TEST_CASE("gguf: a file with any byte changed is read or rejected") {
  TestFolder folder;
  const std::string array =
      raw<uint32_t>(9) + raw<uint64_t>(1) + raw<uint32_t>(8) + raw<uint64_t>(1) + text("a");
  const std::string valid = file_of({pair("general.alignment", 4, raw<uint32_t>(32)), pair("n", 9, array)},
                                    {info("x", {32, 2}, 3, 0), info("y", {3}, 0, 64)}, std::string(76, '\1'));
  REQUIRE(error_of(folder, valid).empty());
  int read = 0, rejected = 0;
  for (std::size_t at = 0; at < valid.size(); ++at)
    for (const int value : {0x00, 0x01, 0x08, 0x09, 0x20, 0x7f, 0x80, 0xff}) {
      std::string changed = valid;
      changed[at] = static_cast<char>(value);
      const auto path = folder.write("a.gguf", changed);
      const std::string message = sentence([&] {
        const GgufFile file(path);
        for (const auto& [name, tensor] : file.tensors())
          file.tensor(name).sum();
      });
      ++(message.empty() ? read : rejected);
    }
  CHECK(read > 0); // a change in the tensor data is not an error
  CHECK(rejected > 0);
}

TEST_CASE("gguf: invalid file headers") {
  TestFolder folder;
  const auto start = [&](uint32_t version, uint64_t tensors, uint64_t pairs) {
    return error_of(folder, "GGUF" + raw(version) + raw(tensors) + raw(pairs) + std::string(64, '\0'));
  };
  CHECK(contains(error_of(folder, "GGML" + std::string(64, '\0')), "doesn't start with"));
  CHECK(contains(start(1, 0, 0), "version 1"));
  CHECK(contains(start(4, 0, 0), "version 4"));
  CHECK(contains(start(0x03000000, 0, 0), "big-endian"));
  CHECK(contains(start(3, ~uint64_t{0}, 0), "18446744073709551615 tensors"));
  CHECK(contains(start(3, 0, uint64_t{1} << 40), "1099511627776 metadata key-value pairs"));
}

TEST_CASE("gguf: invalid metadata") {
  TestFolder folder;
  const auto one = [&](const std::string& bytes) {
    return error_of(folder, file_of({bytes}, {}, std::string(64, '\0')));
  };
  CHECK(contains(one(raw(~uint64_t{0}) + "k"), "cut off or damaged"));
  CHECK(contains(one(raw(uint64_t{1} << 62) + "k"), "cut off or damaged"));
  CHECK(contains(one(pair("k", 8, raw(~uint64_t{0}))), "cut off or damaged"));
  CHECK(contains(one(pair("k", 13, "")), "unknown type 13"));
  CHECK(contains(one(pair("k", 0xffffffff, "")), "unknown type"));
  CHECK(contains(one(pair("k", 7, raw<uint8_t>(2))), "boolean with the value 2"));
  CHECK(contains(one(pair("k", 9, raw<uint32_t>(4) + raw(uint64_t{1} << 61))), "don't fit"));
  CHECK(contains(one(pair("k", 9, raw<uint32_t>(8) + raw<uint64_t>(1000))), "don't fit"));
  CHECK(contains(one(pair("k", 9, raw<uint32_t>(99) + raw<uint64_t>(1))), "unknown type 99"));
  std::string deep;
  for (int i = 0; i < 1000; ++i)
    deep += raw<uint32_t>(9) + raw<uint64_t>(1);
  CHECK(contains(one(pair("k", 9, deep)), "nested more than 4"));
  const std::string twice = pair("k", 0, raw<uint8_t>(1));
  CHECK(contains(error_of(folder, file_of({twice, twice}, {}, "")), "twice"));
  CHECK(contains(one(pair("general.alignment", 4, raw<uint32_t>(24))), "power of two"));
  CHECK(contains(one(pair("general.alignment", 4, raw<uint32_t>(0))), "power of two"));
  CHECK(contains(one(pair("general.alignment", 8, text("32"))), "power of two"));
}

TEST_CASE("gguf: invalid tensor infos") {
  TestFolder folder;
  const auto one = [&](const std::vector<std::string>& infos, std::size_t bytes = 64) {
    return error_of(folder, file_of({}, infos, std::string(bytes, '\0')));
  };
  CHECK(one({info("x", {4}, 0, 0)}).empty());
  CHECK(contains(one({info("x", {4}, 0, 4)}), "not a multiple of the alignment"));
  CHECK(contains(one({info("x", {4}, 0, 64)}), "cut off"));
  CHECK(contains(one({info("x", {17}, 0, 0)}), "ends at byte 68"));
  CHECK(contains(one({info("x", {4}, 0, ~uint64_t{31})}), "cut off"));
  CHECK(contains(one({info("x", {16}, 0, ~uint64_t{31})}), "more elements"));
  CHECK(contains(one({info("x", {0}, 0, 0)}), "a dimension of 0"));
  CHECK(contains(one({info("x", {~uint64_t{0}}, 0, 0)}), "which is not possible"));
  CHECK(contains(one({info("x", {uint64_t{1} << 32, uint64_t{1} << 32}, 0, 0)}), "which is not possible"));
  CHECK(contains(one({info("x", {uint64_t{1} << 62}, 0, 0)}), "more elements"));
  CHECK(contains(one({info("x", {1, 1, 1, 1, 1}, 0, 0)}), "5 dimensions"));
  CHECK(contains(one({text("x") + raw<uint32_t>(0xffffffff)}), "dimensions"));
  CHECK(contains(one({info("x", {4}, 4, 0)}), "unknown type 4"));
  CHECK(contains(one({info("x", {33}, 3, 0)}), "multiple of 32"));
  CHECK(contains(one({info("x", {4}, 0, 0), info("x", {4}, 0, 32)}), "twice"));
  CHECK(contains(one({info("x", {9}, 0, 0), info("y", {4}, 0, 32)}), "overlaps"));
  CHECK(contains(one({info("x", {4}, 0, 0), info("y", {4}, 0, 0)}), "overlaps"));
}

TEST_CASE("gguf: an unsupported tensor type is an error only when the tensor is read") {
  TestFolder folder;
  const GgufFile file(folder.write("a.gguf", file_of({}, {info("x", {256}, 23, 0)}, std::string(136, '\0'))));
  const std::string message = sentence([&] { file.tensor("x"); });
  CHECK(contains(message, "\"x\""));
  CHECK(contains(message, "IQ4_XS, which is not supported"));
}
