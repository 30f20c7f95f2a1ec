// Variable-length attention needs a kernel that only GPUs have. Here the mirror device gets one that computes
// its definition, so that the code around it is tested: what is gathered, the offsets, the mask, the gradients.
#include <ATen/ATen.h>
#include <torch/library.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/attention/attention.hpp>
#include <cuecard/parts/random.hpp>

#include <cuecard/testing/mirror_device.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// [1, 1, Q, K] whether a query attends to a key: both belong to one sequence, and when causal (LibTorch's
/// number for it is 2) the key is as far from its sequence's end as the query or farther, by less than the window.
at::Tensor visible(const at::Tensor& query_offsets, const at::Tensor& key_offsets, int64_t queries,
                   int64_t keys, int64_t mask_type, std::optional<int64_t> window) {
  const auto in_sequence = [](const at::Tensor& offsets, int64_t rows) {
    const at::Tensor row = at::arange(rows, offsets.options());
    const at::Tensor sequence =
        row.unsqueeze(1).ge(offsets.slice(0, 1).unsqueeze(0)).sum(1); // the ends at or before it
    return std::pair{sequence, offsets.slice(0, 1).index_select(0, sequence) - row};
  };
  const auto [query_sequence, query_to_end] = in_sequence(query_offsets, queries);
  const auto [key_sequence, key_to_end] = in_sequence(key_offsets, keys);
  at::Tensor result = query_sequence.unsqueeze(1).eq(key_sequence.unsqueeze(0));
  if (mask_type == 2)
    result = result.logical_and(key_to_end.unsqueeze(0).ge(query_to_end.unsqueeze(1)));
  if (window)
    result = result.logical_and((key_to_end.unsqueeze(0) - query_to_end.unsqueeze(1)).lt(*window));
  return result.view({1, 1, queries, keys});
}

/// [1, H, Q, K], of query and key [1, n, H, D].
at::Tensor probabilities(const at::Tensor& query, const at::Tensor& key, const at::Tensor& query_offsets,
                         const at::Tensor& key_offsets, int64_t mask_type, double scale,
                         std::optional<int64_t> window) {
  REQUIRE((query_offsets.scalar_type() == at::kInt));
  REQUIRE((key_offsets.scalar_type() == at::kInt));
  const at::Tensor scores = query.transpose(1, 2).matmul(key.permute({0, 2, 3, 1})) * scale;
  const at::Tensor mask = visible(query_offsets, key_offsets, query.size(1), key.size(1), mask_type, window);
  return scores.masked_fill(mask.logical_not(), -1e30).softmax(-1);
}

using Optional = std::optional<at::Tensor>;

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, c10::SymInt, c10::SymInt>
forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const Optional& bias,
        const Optional& query_offsets, const Optional& key_offsets, std::optional<c10::SymInt> longest_query,
        std::optional<c10::SymInt> longest_key, double dropout, int64_t mask_type, bool keeps_sums,
        std::optional<double> scale, const Optional&, std::optional<int64_t> window) {
  REQUIRE(!bias);
  REQUIRE(dropout == 0.0);
  const at::Tensor weights = probabilities(query, key, *query_offsets, *key_offsets, mask_type, *scale, window);
  const at::Tensor sums = at::empty({keeps_sums ? 1 : 0}, query.options()),
                   nothing = at::empty({0}, query.options());
  return {weights.matmul(value.transpose(1, 2)).transpose(1, 2).contiguous(),
          sums,
          nothing,
          nothing,
          *longest_query,
          *longest_key};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>
backward(const at::Tensor& gradient, const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
         const Optional&, const at::Tensor&, const Optional& query_offsets, const Optional& key_offsets,
         c10::SymInt, c10::SymInt, const at::Tensor& sums, double, const at::Tensor&, const at::Tensor&,
         int64_t mask_type, bool, std::optional<double> scale, std::optional<int64_t>,
         std::optional<int64_t> window, bool) {
  REQUIRE(sums.numel() == 1); // the forward pass kept what this needs
  const at::Tensor weights = probabilities(query, key, *query_offsets, *key_offsets, mask_type, *scale, window);
  const at::Tensor out = gradient.transpose(1, 2);                       // [1, H, Q, D]
  const at::Tensor of_weights = out.matmul(value.permute({0, 2, 3, 1})); // [1, H, Q, K]
  const at::Tensor of_scores = weights * (of_weights - (of_weights * weights).sum(-1, true)) * *scale;
  return {of_scores.matmul(key.transpose(1, 2)).transpose(1, 2),
          of_scores.transpose(2, 3).matmul(query.transpose(1, 2)).transpose(1, 2),
          weights.transpose(2, 3).matmul(out).transpose(1, 2), at::Tensor()};
}

/// Four sequences, two of which continue the first; prefixes and cached tokens precede the others.
AttentionLayout layout_of(bool causal) {
  Side side;
  side.offsets = {0, 3, 5, 9, 10};
  side.parent = {-1, 0, 0, -1};
  return self_attention_layout(side, causal, {{{2, 3, 5}}, {}, {}, {{2, 0, 3}, {1, 2, 4}, {1, 5, 6}}});
}

struct Result {
  at::Tensor out;
  std::vector<at::Tensor> gradients; ///< of the query, then of key and value of three sources
};

Result result_on(const at::Device& device, const AttentionLayout& layout, AttentionStrategy strategy) {
  Random random(7);
  std::vector<at::Tensor> leaves;
  const auto leaf = [&](int64_t rows, int64_t heads) {
    leaves.push_back(random.normal_tensor({rows, heads, 16}, 1.0).to(device).set_requires_grad(true));
  };
  leaf(layout.query_offsets.back(), 4);
  for (const int64_t rows : {10, 6, 5})
    for (int part = 0; part < 2; ++part)
      leaf(rows, 2);
  const at::Tensor weights = random.normal_tensor(leaves[0].sizes().vec(), 1.0).to(device);
  Result result;
  {
    const mirror::Watch watch(device == mirror::device);
    result.out = attention(leaves[0], {{leaves[1], leaves[2]}, {leaves[3], leaves[4]}, {leaves[5], leaves[6]}},
                           layout, {0.25, nullptr, strategy});
    (result.out * weights).sum().backward();
  }
  for (const at::Tensor& each : leaves) // undefined where a window hides all of a source
    result.gradients.push_back((each.grad().defined() ? each.grad() : at::zeros_like(each)).to(at::kCPU));
  result.out = result.out.detach().to(at::kCPU);
  return result;
}

void check_equal(const AttentionLayout& here, const AttentionLayout& there) {
  const Result wanted = result_on(at::kCPU, here, AttentionStrategy::packed);
  const Result found = result_on(mirror::device, there, AttentionStrategy::variable_length);
  CHECK(at::allclose(found.out, wanted.out, 1e-5, 1e-5));
  REQUIRE(found.gradients.size() == wanted.gradients.size());
  for (std::size_t i = 0; i < wanted.gradients.size(); ++i) {
    CAPTURE(i);
    CHECK(at::allclose(found.gradients[i], wanted.gradients[i], 1e-5, 1e-5));
  }
}

} // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("_efficient_attention_forward", &forward);
  library.impl("_efficient_attention_backward", &backward);
}

TEST_CASE("variable-length attention equals packed attention, gradients included, without waiting") {
  for (const bool causal : {true, false}) {
    CAPTURE(causal);
    check_equal(layout_of(causal), layout_of(causal));
  }
}

TEST_CASE("queries may be the last tokens of their sequences, and any tokens without a causal mask") {
  const std::vector<int64_t> last{2, 4, 7, 8}; // of the fourth sequence none
  check_equal(select_queries(layout_of(true), last), select_queries(layout_of(true), last));
  const std::vector<int64_t> any{0, 2, 3, 6, 9};
  check_equal(select_queries(layout_of(false), any), select_queries(layout_of(false), any));
}

TEST_CASE("a window in variable-length attention, gradients included") {
  for (const int64_t window : {1, 2, 4, 6}) {
    CAPTURE(window);
    const AttentionLayout layout = with_window(layout_of(true), window);
    check_equal(layout, with_window(layout, window));
    const std::vector<int64_t> last{2, 4, 7, 8};
    check_equal(select_queries(layout, last), select_queries(layout, last));
  }
}

TEST_CASE("an unsupported layout is refused with the reason") {
  CHECK_THROWS_WITH_AS(
      result_on(mirror::device, with_window(layout_of(false), 2), AttentionStrategy::variable_length),
      doctest::Contains("supports a window only with causal attention"), Error);
  CHECK_THROWS_WITH_AS(
      result_on(mirror::device, select_queries(layout_of(true), {0, 2}), AttentionStrategy::variable_length),
      "attention: the queries of a sequence are not its last tokens; use another strategy.", Error);
  CHECK_THROWS_AS(result_on(at::kCPU, layout_of(true), AttentionStrategy::variable_length), Error);
}
