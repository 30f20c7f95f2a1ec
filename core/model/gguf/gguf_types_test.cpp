#include "model/gguf/gguf_types.hpp"

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/util/Half.h>

#include "model/safetensors/safetensors.hpp"
#include "model/test_folder.hpp"

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

constexpr int64_t blocks = 5;

std::vector<float> dequantised(uint32_t id, const std::string& bytes) {
  const GgufType& type = *gguf_type(id);
  REQUIRE(static_cast<int64_t>(bytes.size()) == blocks * type.bytes);
  std::vector<float> values(static_cast<std::size_t>(blocks * type.elements));
  type.dequantise(reinterpret_cast<const std::byte*>(bytes.data()), blocks, values.data());
  return values;
}

/// A finite float16: its bits and its value.
struct Scale {
  uint16_t bits;
  double value;
};
constexpr std::array<Scale, 5> scales{{{0x3c00, 1.0},
                                       {0xb800, -0.5},
                                       {0x2e66, 0.0999755859375},
                                       {0x0001, 5.9604644775390625e-08},
                                       {0x7bff, 65504.0}}};

} // namespace

TEST_CASE("gguf types: Q8_0 is scale * q") {
  std::mt19937 random(1);
  std::string bytes;
  std::vector<double> expected;
  for (int64_t b = 0; b < blocks; ++b) {
    const Scale scale = scales[static_cast<std::size_t>(b)];
    bytes += raw(scale.bits);
    for (int i = 0; i < 32; ++i) {
      const int q = static_cast<int>(random() % 256) - 128;
      bytes += raw(static_cast<int8_t>(q));
      expected.push_back(scale.value * q);
    }
  }
  const std::vector<float> values = dequantised(8, bytes);
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(static_cast<double>(values[i]) == expected[i]); // 11 bits x 8 bits are exact in float32
}

TEST_CASE("gguf types: Q4_0 is scale * (q - 8), low nibbles first") {
  std::mt19937 random(2);
  std::string bytes;
  std::vector<double> expected(blocks * 32);
  for (int64_t b = 0; b < blocks; ++b) {
    const Scale scale = scales[static_cast<std::size_t>(b)];
    bytes += raw(scale.bits);
    for (int i = 0; i < 16; ++i) {
      const unsigned low = random() % 16, high = random() % 16;
      bytes += raw(static_cast<uint8_t>(low | high << 4));
      expected[static_cast<std::size_t>(b * 32 + i)] = scale.value * (static_cast<int>(low) - 8);
      expected[static_cast<std::size_t>(b * 32 + 16 + i)] = scale.value * (static_cast<int>(high) - 8);
    }
  }
  const std::vector<float> values = dequantised(2, bytes);
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(static_cast<double>(values[i]) == expected[i]);
}

TEST_CASE("gguf types: Q4_1 is scale * q + min") {
  std::mt19937 random(3);
  std::string bytes;
  std::vector<float> expected(blocks * 32);
  for (int64_t b = 0; b < blocks; ++b) {
    const Scale scale = scales[static_cast<std::size_t>(b)],
                min = scales[static_cast<std::size_t>((b + 1) % 5)];
    bytes += raw(scale.bits) + raw(min.bits);
    for (int i = 0; i < 16; ++i) {
      const unsigned low = random() % 16, high = random() % 16;
      bytes += raw(static_cast<uint8_t>(low | high << 4));
      // Product and sum are exact in double, so this is the correctly rounded float.
      expected[static_cast<std::size_t>(b * 32 + i)] = static_cast<float>(scale.value * low + min.value);
      expected[static_cast<std::size_t>(b * 32 + 16 + i)] = static_cast<float>(scale.value * high + min.value);
    }
  }
  CHECK(dequantised(3, bytes) == expected);
}

TEST_CASE("gguf types: unknown ids") {
  CHECK(gguf_type(4) == nullptr);
  CHECK(gguf_type(1000) == nullptr);
  CHECK(std::string(gguf_type(23)->name) == "IQ4_XS");
  CHECK(!gguf_type(23)->dequantise);
}

TEST_CASE("gguf types: values are bit-identical to the gguf package") {
  const SafetensorsFile recorded(std::string(CUECARD_SOURCE_DIR) + "/tests/golden/gguf_types.safetensors");
  for (const uint32_t id : {1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 30}) {
    const GgufType& type = *gguf_type(id);
    CAPTURE(std::string(type.name));
    const at::Tensor bytes = recorded.tensor(std::string(type.name) + ".bytes").contiguous();
    const at::Tensor expected = recorded.tensor(std::string(type.name) + ".values").contiguous();
    REQUIRE(bytes.numel() % type.bytes == 0);
    const int64_t count = bytes.numel() / type.bytes;
    REQUIRE(expected.numel() == count * type.elements);
    std::vector<float> values(static_cast<std::size_t>(expected.numel()));
    type.dequantise(reinterpret_cast<const std::byte*>(bytes.const_data_ptr<uint8_t>()), count, values.data());
    CHECK(std::memcmp(values.data(), expected.const_data_ptr<float>(), values.size() * sizeof(float)) == 0);
  }
}
