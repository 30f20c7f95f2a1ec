// Stored matrices of every type against the same matrix dequantised and multiplied in float64. Dequantised blocks are compared with
// ggml's recorded values in core/model/gguf/gguf_types_test.cpp.
#include <cuecard/parts/stored/stored_matrix.hpp>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/random.hpp>

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// Places of the float16 numbers in a block of each type.
struct Kind {
  uint32_t id;
  std::vector<int64_t> scales;
};
const std::vector<Kind> kinds{{1, {0}},    {2, {0}},       {3, {0, 2}}, {6, {0}},     {7, {0, 2}},
                              {8, {0}},    {10, {80, 82}}, {11, {108}}, {12, {0, 2}}, {13, {0, 2}},
                              {14, {208}}, {20, {0}},      {30, {}}};

/// Random blocks with scales around 0.01.
at::Tensor matrix_of(const Kind& kind, int64_t rows, int64_t width, uint64_t seed = 1) {
  const BlockType& type = *block_type(kind.id);
  Random random(seed, kind.id);
  const at::Tensor numbers = random.normal_tensor({rows, width}, 0.1);
  if (kind.id == 30)
    return stored_matrix(numbers.to(at::kBFloat16).view(at::kByte), type);
  at::Tensor bytes = at::empty({rows, width / type.elements * type.bytes}, at::kByte);
  auto* out = bytes.data_ptr<uint8_t>();
  for (int64_t i = 0; i < bytes.numel(); ++i)
    out[i] = static_cast<uint8_t>(random.below(256));
  const at::Tensor scales = (numbers * 0.1).to(at::kHalf);
  for (int64_t block = 0; block < bytes.numel() / type.bytes; ++block)
    for (const int64_t at : kind.scales)
      std::memcpy(out + block * type.bytes + at,
                  scales.data_ptr<c10::Half>() + (2 * block + at % 4 / 2) % numbers.numel(), 2);
  return stored_matrix(bytes, type);
}

bool close(const at::Tensor& found, const at::Tensor& expected) {
  return found.sizes() == expected.sizes() &&
         at::allclose(found.to(at::kDouble), expected.to(at::kDouble), 1e-4, 1e-4);
}

at::Tensor random_rows(int64_t rows, int64_t width, uint64_t seed) {
  return Random(seed).normal_tensor({rows, width}, 1.0);
}

} // namespace

TEST_CASE("products and their gradients, for few and for many rows, as stored and transposed") {
  for (const Kind& kind : kinds) {
    const at::Tensor stored = matrix_of(kind, 70, 512), wide = dense(stored).to(at::kDouble);
    CAPTURE(std::string(block_type(kind.id)->name));
    REQUIRE(is_stored(stored));
    REQUIRE(stored.sizes() == at::IntArrayRef({70, 512}));
    REQUIRE(wide.isfinite().all().item<bool>());
    REQUIRE(wide.abs().max().item<double>() > 0.01);
    for (const int64_t rows : {1, 3, 8, 9, 41}) {
      CAPTURE(rows);
      const at::Tensor bias = random_rows(1, 70, 2).select(0, 0).set_requires_grad(true);
      const at::Tensor x = random_rows(rows, 512, 3).set_requires_grad(true), d_y = random_rows(rows, 70, 4);
      const at::Tensor y = cuecard::linear(x, stored, bias);
      CHECK(close(y, x.to(at::kDouble).matmul(wide.t()) + bias));
      y.backward(d_y);
      CHECK(close(x.grad(), d_y.to(at::kDouble).matmul(wide)));
      CHECK(close(bias.grad(), d_y.sum(0)));

      const at::Tensor other = random_rows(rows, 70, 5).set_requires_grad(true),
                       d_z = random_rows(rows, 512, 6);
      const at::Tensor offset = random_rows(1, 512, 7).select(0, 0);
      const at::Tensor z = cuecard::linear(other, transposed(stored), offset);
      CHECK(close(z, other.to(at::kDouble).matmul(wide) + offset));
      z.backward(d_z);
      CHECK(close(other.grad(), d_z.to(at::kDouble).matmul(wide.t())));
      const at::NoGradGuard frozen;
      CHECK(close(cuecard::linear(x, stored), x.to(at::kDouble).matmul(wide.t())));
    }
    CHECK(close(dense(transposed(stored)), wide.t()));
  }
}

TEST_CASE("a matrix of several panels, and rows that are longer than a chunk") {
  for (const auto& [rows, width] : {std::pair<int64_t, int64_t>{4500, 256}, {40, 4608}}) {
    const at::Tensor stored = matrix_of(kinds[2], rows, width), wide = dense(stored).to(at::kDouble);
    for (const int64_t count : {2, 12}) {
      const at::Tensor x = random_rows(count, width, 8).set_requires_grad(true),
                       d_y = random_rows(count, rows, 9);
      const at::Tensor bias = random_rows(1, rows, 10).select(0, 0);
      const at::Tensor y = cuecard::linear(x, stored, bias);
      CHECK(close(y, x.to(at::kDouble).matmul(wide.t()) + bias));
      y.backward(d_y);
      CHECK(close(x.grad(), d_y.to(at::kDouble).matmul(wide)));
    }
  }
}

TEST_CASE(
    "a table of tokens: embeddings, logits of some tokens and of all, log-probabilities and their gradients") {
  const at::Tensor stored = matrix_of(kinds[5], 90, 64), table = dense(stored);
  const at::Tensor ids = at::tensor({5, 0, 89, 5}, at::kLong);
  CHECK(at::equal(matrix_rows(stored, ids), table.index_select(0, ids)));
  Side side;
  side.ids = ids;
  side.soft_tokens = at::tensor({1}, at::kLong);
  side.soft_slots = at::tensor({0}, at::kLong);
  BatchConditioning conditioning;
  conditioning.embeddings = random_rows(1, 64, 11).set_requires_grad(true);
  CHECK(at::equal(embed_tokens(stored, side, conditioning), embed_tokens(table, side, conditioning)));
  CHECK(close(table_dot_products(stored, table.narrow(0, 3, 12)), table.narrow(0, 3, 12).matmul(table.t())));

  const at::Tensor bias = random_rows(1, 90, 12).select(0, 0), targets = at::randint(0, 90, {11}, at::kLong);
  using Kind = OutputRequest::Kind;
  for (const Kind kind : {Kind::logits, Kind::log_probs, Kind::target_log_probs})
    for (const at::Tensor& tokens : {at::Tensor(), ids}) {
      if (kind == Kind::target_log_probs && tokens.defined())
        continue;
      const OutputRequest request{kind, tokens};
      std::array<at::Tensor, 2> outputs, gradients;
      for (const bool of_stored : {false, true}) {
        const at::Tensor states = random_rows(11, 64, 13).set_requires_grad(true);
        const at::Tensor out =
            project_to_vocabulary(states, of_stored ? stored : table, bias, {states, request, targets}, "tiny");
        out.square().sum().backward();
        outputs[of_stored] = out.detach();
        gradients[of_stored] = states.grad();
      }
      CHECK(close(outputs[1], outputs[0]));
      CHECK(close(gradients[1] / gradients[0].abs().max(), gradients[0] / gradients[0].abs().max()));
    }
}

TEST_CASE("numbers that are quantised as Q8_0 differ by half a step at most, and zeros stay zeros") {
  const at::Tensor numbers = random_rows(3, 64, 14);
  numbers.select(0, 1).zero_();
  at::Tensor bytes = at::empty({3, 68}, at::kByte);
  quantise_q8_0(numbers.data_ptr<float>(), 6, static_cast<std::byte*>(bytes.data_ptr()));
  const at::Tensor found = dense(stored_matrix(bytes, *block_type(q8_0_id)));
  const at::Tensor step =
      numbers.view({6, 32}).abs().amax(1, true) / 127; // the scale itself is rounded to 11 bits
  CHECK((((found - numbers).view({6, 32}).abs() <= step * (0.5 + 127.0 / 2048) + 1e-12).all().item<bool>()));
  CHECK(at::equal(found.select(0, 1), at::zeros({64})));
  CHECK(!at::equal(found, numbers));
}

TEST_CASE("equal matrices are found equal, and what doesn't fit is refused") {
  const at::Tensor a = matrix_of(kinds[3], 6, 64), b = matrix_of(kinds[3], 6, 64),
                   c = matrix_of(kinds[3], 6, 64, 2);
  CHECK(same_values(a, b));
  CHECK(!same_values(a, c));
  CHECK(!same_values(a, dense(a)));
  CHECK(same_values(dense(a), dense(b)));
  CHECK(is_stored(a));
  CHECK(!is_stored(dense(a)));
  CHECK(!is_stored({}));
  CHECK_THROWS_WITH_AS(stored_matrix(at::zeros({2, 33}, at::kByte), *block_type(8)),
                       doctest::Contains("whole blocks of Q8_0"), Error);
  CHECK_THROWS_WITH_AS(stored_matrix(at::zeros({2, 34}), *block_type(8)), doctest::Contains("whole blocks"),
                       Error);
  for (const int64_t id : {-1, 6})
    CHECK_THROWS_WITH_AS(matrix_rows(a, at::tensor({id}, at::kLong)),
                         doctest::Contains(("no row " + std::to_string(id)).c_str()), Error);
  CHECK_THROWS_WITH_AS(cuecard::linear(at::zeros({2, 32}), a), doctest::Contains("6 x 64"), Error);
  CHECK_THROWS_WITH_AS(cuecard::linear(at::zeros({2, 64}, at::kDouble), a), doctest::Contains("float32"),
                       Error);
  // An operator without support for stored matrices has no memory to read.
  CHECK_THROWS(a.sum());
  CHECK_THROWS(a.index_select(0, at::tensor({0}, at::kLong)));
}
