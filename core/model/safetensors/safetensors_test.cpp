#include "model/safetensors/safetensors.hpp"

#include <csignal>
#include <sys/resource.h>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

std::string file_of(const std::string& header, const std::string& data) {
  return raw<uint64_t>(header.size()) + header + data;
}

std::string error_of(const TestFolder& folder, const std::string& bytes) {
  const auto path = folder.write("a.safetensors", bytes);
  return sentence([&] { SafetensorsFile file(path); });
}

const std::string two_floats = raw(1.5f) + raw(-2.0f);
const std::string valid = file_of(
    R"({"__metadata__":{"format":"pt"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", two_floats);

/// The tensor "x" of a file that contains only it.
at::Tensor one(const TestFolder& folder, const std::string& dtype, int64_t elements, const std::string& data) {
  const std::string header = "{\"x\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + std::to_string(elements) +
                             "],\"data_offsets\":[0," + std::to_string(data.size()) + "]}}";
  return SafetensorsFile(folder.write("one.safetensors", file_of(header, data))).tensor("x").clone();
}

} // namespace

TEST_CASE("safetensors: a handmade file is read") {
  TestFolder folder;
  const SafetensorsFile file(folder.write("a.safetensors", valid));
  CHECK(file.metadata().at("format") == "pt");
  const at::Tensor x = file.tensor("x");
  CHECK(x.sizes() == at::IntArrayRef{2});
  CHECK(x[0].item<float>() == 1.5f);
  CHECK(x[1].item<float>() == -2.0f);
}

TEST_CASE("safetensors: a tensor outlives the file object, and aligned tensors share its mapping") {
  TestFolder folder;
  std::string header = R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  at::Tensor x, again;
  {
    const SafetensorsFile file(folder.write("a.safetensors", file_of(header, two_floats)));
    x = file.tensor("x");
    again = file.tensor("x");
  }
  CHECK(x.const_data_ptr() == again.const_data_ptr());
  CHECK(x[1].item<float>() == -2.0f);
}

TEST_CASE("safetensors: a misaligned tensor is copied") {
  TestFolder folder;
  for (int shift = 0; shift < 8; ++shift) {
    std::string header = R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    header.append(static_cast<std::size_t>(shift), ' ');
    const at::Tensor x =
        SafetensorsFile(folder.write("a.safetensors", file_of(header, two_floats))).tensor("x");
    CHECK(reinterpret_cast<std::uintptr_t>(x.const_data_ptr()) % 4 == 0);
    CHECK(x[0].item<float>() == 1.5f);
    CHECK(x[1].item<float>() == -2.0f);
  }
}

TEST_CASE("safetensors: every dtype") {
  TestFolder folder;
  CHECK(one(folder, "F64", 1, raw(0.1)).item<double>() == 0.1);
  CHECK(one(folder, "F32", 1, raw(0.1f)).item<float>() == 0.1f);
  CHECK(one(folder, "F16", 1, raw<uint16_t>(0x3c00)).item<float>() == 1.0f);
  CHECK((one(folder, "F16", 1, raw<uint16_t>(0x3c00)).scalar_type() == at::kHalf));
  CHECK(one(folder, "BF16", 1, raw<uint16_t>(0xc000)).item<float>() == -2.0f);
  CHECK(one(folder, "I64", 1, raw<int64_t>(-5'000'000'000)).item<int64_t>() == -5'000'000'000);
  CHECK(one(folder, "I32", 1, raw<int32_t>(-7)).item<int64_t>() == -7);
  CHECK(one(folder, "I16", 1, raw<int16_t>(-300)).item<int64_t>() == -300);
  CHECK(one(folder, "I8", 1, raw<int8_t>(-3)).item<int64_t>() == -3);
  CHECK(one(folder, "U8", 1, raw<uint8_t>(250)).item<int64_t>() == 250);
  CHECK(one(folder, "BOOL", 2, std::string("\1\0", 2))[0].item<bool>());
  CHECK(contains(sentence([&] { one(folder, "BOOL", 1, "\2"); }), "neither 0 nor 1"));
}

TEST_CASE("safetensors: a file truncated anywhere is rejected") {
  TestFolder folder;
  for (std::size_t size = 0; size < valid.size(); ++size) {
    const std::string text = error_of(folder, valid.substr(0, size));
    CHECK_MESSAGE(contains(text, "a.safetensors: "), size);
  }
  CHECK(error_of(folder, valid).empty());
  CHECK(contains(error_of(folder, valid + "x"), "1 bytes after its last tensor"));
}

TEST_CASE("safetensors: a file with any byte changed is read or rejected") {
  TestFolder folder;
  int read = 0, rejected = 0;
  for (std::size_t at = 0; at < valid.size(); ++at)
    for (const char value : {'\x00', '\x01', '0', '9', '"', '{', '[', '}', '\x80', '\xff'}) {
      std::string changed = valid;
      changed[at] = value;
      const auto path = folder.write("a.safetensors", changed);
      const std::string message = sentence([&] {
        const SafetensorsFile file(path);
        for (const auto& [name, entry] : file.entries())
          file.tensor(name).sum();
      });
      ++(message.empty() ? read : rejected);
    }
  CHECK(read > 0); // a change in the tensor data is not an error
  CHECK(rejected > 0);
}

TEST_CASE("safetensors: wrong header lengths") {
  TestFolder folder;
  CHECK(contains(error_of(folder, raw<uint64_t>(1000) + "{}"), "cut off"));
  CHECK(contains(error_of(folder, raw<uint64_t>(100'000'001) + "{}"), "at most 100000000"));
  CHECK(contains(error_of(folder, raw<uint64_t>(~uint64_t{0}) + "{}"), "at most 100000000"));
}

TEST_CASE("safetensors: invalid headers") {
  TestFolder folder;
  const auto header = [&](const std::string& json, std::size_t bytes = 8) {
    return error_of(folder, file_of(json, std::string(bytes, '\0')));
  };
  const std::string x = R"({"x":{"dtype":"F32","shape":)";
  CHECK(contains(header(x + R"([3],"data_offsets":[0,8]}})"), "need 12 bytes"));
  CHECK(contains(header(x + R"([1],"data_offsets":[0,8]}})"), "need 4 bytes"));
  CHECK(contains(header(x + R"([2],"data_offsets":[8,0]}})"), "need 8 bytes"));
  CHECK(contains(header(x + R"([4],"data_offsets":[0,16]}})"), "It may have been cut off"));
  CHECK(contains(header(x + R"([9223372036854775807,4],"data_offsets":[0,8]}})"), "more elements"));
  CHECK(contains(header(x + R"([4294967296,4294967296],"data_offsets":[0,0]}})"), "more elements"));
  CHECK(contains(header(x + R"([4611686018427387904,4611686018427387904,0],"data_offsets":[0,0]}})"),
                 "more elements"));
  CHECK(contains(header(x + R"([18446744073709551615],"data_offsets":[0,8]}})"), "too large"));
  CHECK(contains(header(x + R"([-2],"data_offsets":[0,8]}})"), "negative"));
  CHECK(contains(header(x + R"([2.0],"data_offsets":[0,8]}})"), "not an integer"));
  CHECK(contains(header(x + R"([2],"data_offsets":[0,4,8]}})"), "more than two"));
  CHECK(contains(header(x + R"([2],"data_offsets":[0]}})"), "expected two"));
  CHECK(contains(header(x + R"([2]}})"), "lacks"));
  CHECK(contains(header(x + R"([2],"data_offsets":[0,8],"data_offsets":[0,8]}})"), "twice"));
  CHECK(contains(header(x + R"([2],"shape":[2],"data_offsets":[0,8]}})"), "twice"));
  CHECK(contains(header(x + R"([[2]],"data_offsets":[0,8]}})"), "an array"));
  CHECK(contains(header(x + R"([2],"data_offsets":[0,8],"colour":1}})"), "unknown field \"colour\""));
  CHECK(contains(header(R"({"x":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})"), "F8_E4M3"));
  CHECK(contains(header(R"({"x":{"dtype":4,"shape":[2],"data_offsets":[0,8]}})"), "a number"));
  CHECK(contains(header(R"({"x":[]})"), "an array"));
  CHECK(contains(header(R"({"x":null})"), "null"));
  CHECK(contains(header(R"([])"), "not a JSON object"));
  CHECK(contains(header("{"), "not valid JSON"));
  CHECK(contains(header(R"({"x":{"dtype":"F32")"), "not valid JSON"));
  CHECK(contains(header(std::string("{}\0", 3), 0), "not a JSON object"));
  CHECK(contains(header("{\"\xff\":1}"), "not valid JSON"));
  CHECK(contains(header(std::string(100'000, '[')), "not a JSON object"));
  CHECK(contains(header("{\"x\":" + std::string(100'000, '[')), "an array"));
  CHECK(contains(header("{\"x\":{\"shape\":" + std::string(100'000, '[')), "an array"));
  CHECK(contains(header(R"({"__metadata__":{"a":1}})", 0), "a number"));
  CHECK(contains(header(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "twice"));
  CHECK(contains(header(R"({"__metadata__":{},"__metadata__":{}})", 0), "twice"));
}

TEST_CASE("safetensors: overlapping tensors, gaps and duplicate names") {
  TestFolder folder;
  const auto two = [&](const std::string& first, const std::string& second,
                       const std::string& second_name = "y") {
    const auto entry = [](const std::string& offsets) {
      return R"({"dtype":"F32","shape":[2],"data_offsets":)" + offsets + "}";
    };
    return error_of(folder,
                    file_of("{\"x\":" + entry(first) + ",\"" + second_name + "\":" + entry(second) + "}",
                            std::string(16, '\0')));
  };
  CHECK(two("[0,8]", "[8,16]").empty());
  CHECK(two("[8,16]", "[0,8]").empty());
  CHECK(contains(two("[0,8]", "[0,8]"), "overlaps"));
  CHECK(contains(two("[0,8]", "[4,12]"), "overlaps"));
  CHECK(contains(two("[4,12]", "[0,8]"), "overlaps"));
  CHECK(contains(two("[4,12]", "[12,20]"), "gap"));
  CHECK(contains(two("[0,8]", "[8,16]", "x"), "twice"));
}

TEST_CASE("safetensors: the error for a missing tensor suggests the nearest name") {
  TestFolder folder;
  const SafetensorsFile file(folder.write("a.safetensors", valid));
  CHECK(contains(sentence([&] { file.tensor("z"); }), "has no tensor \"z\"."));
  CHECK(contains(sentence([&] { file.tensor("z"); }), "Did you mean \"x\"?"));
}

TEST_CASE("safetensors: a million tensors") {
  TestFolder folder;
  constexpr int count = 1'000'000;
  std::string header = "{";
  for (int i = 0; i < count; ++i)
    header += (i ? ",\"t" : "\"t") + std::to_string(i) + R"(":{"dtype":"U8","shape":[1],"data_offsets":[)" +
              std::to_string(i) + "," + std::to_string(i + 1) + "]}";
  CHECK(header.size() < SafetensorsFile::max_header);
  std::string data(count, '\0');
  data[77'777] = 42;
  const SafetensorsFile file(folder.write("a.safetensors", file_of(header + "}", data)));
  CHECK(file.entries().size() == count);
  CHECK(file.tensor("t77777").item<int64_t>() == 42);
}

TEST_CASE("safetensors: written tensors are read back, and the output is deterministic") {
  TestFolder folder;
  std::map<std::string, at::Tensor> tensors{{"a", at::arange(6, at::kFloat).reshape({2, 3}).t()},
                                            {"b", at::arange(5, at::kLong)},
                                            {"c", at::full({}, 1.25, at::kHalf)},
                                            {"d", at::empty({0, 4}, at::kFloat)},
                                            {"e", at::ones({3}, at::kBool)},
                                            {"f", at::full({2}, -0.5, at::kBFloat16)},
                                            {"g\n\"\xc3\xa4", at::ones({1}, at::kDouble)}};
  write_safetensors(folder.path() / "a.safetensors", tensors, {{"made", "by hand"}});
  const SafetensorsFile file(folder.path() / "a.safetensors");
  CHECK(file.entries().size() == tensors.size());
  CHECK(file.metadata().at("made") == "by hand");
  for (const auto& [name, tensor] : tensors) {
    CHECK_MESSAGE(file.tensor(name).equal(tensor), name);
    CHECK((file.tensor(name).scalar_type() == tensor.scalar_type()));
    const auto& entry = file.entries().find(name)->second;
    CHECK(entry.begin % c10::elementSize(entry.dtype) == 0);
  }
  write_safetensors(folder.path() / "b.safetensors", tensors, {{"made", "by hand"}});
  CHECK(bytes_of_file(folder.path() / "a.safetensors") == bytes_of_file(folder.path() / "b.safetensors"));
  const std::string bytes = bytes_of_file(folder.path() / "a.safetensors");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  CHECK((8 + length) % 64 == 0);
}

TEST_CASE("safetensors: a full disk leaves the old file and no temporary file") {
  TestFolder folder;
  write_safetensors(folder.path() / "a.safetensors", {{"x", at::ones({4})}});
  const std::string before = bytes_of_file(folder.path() / "a.safetensors");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  ::getrlimit(RLIMIT_FSIZE, &unlimited);
  rlimit small = unlimited;
  small.rlim_cur = 4096;
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string old = sentence([&] {
    write_safetensors(folder.path() / "a.safetensors", {{"x", at::ones({4096})}});
  });
  const std::string fresh = sentence([&] {
    write_safetensors(folder.path() / "b.safetensors", {{"x", at::ones({4096})}});
  });
  ::setrlimit(RLIMIT_FSIZE, &unlimited);
  CHECK(contains(old, "a.safetensors: could not be written"));
  CHECK(contains(fresh, "b.safetensors: could not be written"));
  CHECK(bytes_of_file(folder.path() / "a.safetensors") == before);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
