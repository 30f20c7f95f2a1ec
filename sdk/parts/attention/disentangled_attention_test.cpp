#include <cuecard/parts/attention/disentangled_attention.hpp>

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/parts/random.hpp>

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// The formula, key by key: `before` keys of source 2, then the own ones.
at::Tensor by_formula(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, int64_t before,
                      double scale, const DistanceBuckets& buckets, int64_t first_row,
                      const PositionTerms& terms) {
  const int64_t keys = key.size(0);
  std::vector<at::Tensor> out;
  for (int64_t i = 0; i < query.size(0); ++i) {
    std::vector<at::Tensor> scores;
    for (int64_t j = 0; j < keys; ++j) {
      const int64_t row = buckets.row(before + i - j) - first_row;
      at::Tensor score = (query[i] * key[j]).sum(1);
      if (terms.key.defined())
        score = score + (query[i] * terms.key[row]).sum(1);
      if (terms.query.defined())
        score = score + (key[j] * terms.query[row]).sum(1);
      scores.push_back(score);
    }
    const at::Tensor weights = at::softmax(at::stack(scores) * scale, 0); // [keys, H]
    out.push_back((weights.unsqueeze(2) * value).sum(0));
  }
  return at::stack(out);
}

} // namespace

TEST_CASE("distances have the buckets of transformers") {
  // make_log_bucket_position(d, 8, 32) + 8, clamped to 0 and 15, by transformers 5.23 for d = 0, 1, ..., 40.
  const DistanceBuckets buckets{8, 32, true};
  const std::vector<int64_t> rows{8,  9,  10, 11, 12, 13, 13, 13, 14, 14, 14, 14, 14, 14,
                                  14, 14, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
                                  15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15};
  for (std::size_t d = 0; d < rows.size(); ++d) {
    CAPTURE(d);
    CHECK(buckets.row(static_cast<int64_t>(d)) == rows[d]);
    CHECK(buckets.row(-static_cast<int64_t>(d)) == (d > 31 ? 0 : 16 - rows[d])); // -8 has a row, 8 has none
  }
  const DistanceBuckets plain{5, 5, false};
  CHECK(plain.row(3) == 8);
  CHECK(plain.row(-3) == 2);
  CHECK(plain.row(9) == 9);
  CHECK(plain.row(-9) == 0);
}

TEST_CASE("scores have the terms of the formula, of prefix keys, too, and so have the gradients") {
  const int64_t heads = 2, size = 3, prefix = 4;
  const double scale = 0.4;
  const DistanceBuckets buckets{4, 8, true};
  AttentionLayout layout;
  layout.offsets = layout.query_offsets = {0, 5, 7};
  layout.query_offsets_in_sequence = {0, 1, 2, 3, 4, 0, 1};
  layout.before = {{{2, 0, prefix}}, {}};
  Random random(3);
  const auto leaf = [&](int64_t rows) {
    return random.normal_tensor({rows, heads, size}, 1.0).to(at::kDouble).set_requires_grad(true);
  };
  const at::Tensor query = leaf(7), key = leaf(7), value = leaf(7), prefix_key = leaf(prefix),
                   prefix_value = leaf(prefix);
  const RowRange range = rows_of(layout, buckets, at::kCPU);
  CHECK(range.begin == buckets.row(-8));
  CHECK(range.begin + range.count == buckets.row(8) + 1);
  for (const bool with_key : {true, false})
    for (const bool with_query : {true, false}) {
      CAPTURE(with_key);
      CAPTURE(with_query);
      // Each sequence has its own terms, like sequences of different cards.
      std::vector<PositionTerms> terms(2);
      std::vector<at::Tensor> leaves{query, key, value, prefix_key, prefix_value};
      for (PositionTerms& each : terms) {
        if (with_key)
          leaves.push_back(each.key = leaf(range.count));
        if (with_query)
          leaves.push_back(each.query = leaf(range.count));
      }
      const at::Tensor found = disentangled_attention(
          query, {{key, value}, {}, {prefix_key, prefix_value}}, layout, scale, buckets,
          [&](int64_t s) -> const PositionTerms& { return terms[static_cast<std::size_t>(s)]; });
      const at::Tensor expected =
          at::cat({by_formula(query.slice(0, 0, 5), at::cat({prefix_key, key.slice(0, 0, 5)}),
                              at::cat({prefix_value, value.slice(0, 0, 5)}), prefix, scale, buckets,
                              range.begin, terms[0]),
                   by_formula(query.slice(0, 5, 7), key.slice(0, 5, 7), value.slice(0, 5, 7), 0, scale, buckets,
                              range.begin, terms[1])});
      CHECK(at::allclose(found, expected, 1e-10, 1e-10));
      const at::Tensor probe = at::arange(found.numel(), at::kDouble).view(found.sizes()).sin();
      const auto gradients = [&](const at::Tensor& out) {
        std::vector<at::Tensor> result;
        for (const at::Tensor& each : leaves)
          each.mutable_grad() = at::Tensor();
        (out * probe).sum().backward();
        for (const at::Tensor& each : leaves)
          result.push_back(each.grad().clone());
        return result;
      };
      const std::vector<at::Tensor> ours = gradients(found), theirs = gradients(expected);
      for (std::size_t i = 0; i < leaves.size(); ++i)
        CHECK(at::allclose(ours[i], theirs[i], 1e-10, 1e-10));
    }
}

TEST_CASE("selected queries give what they give among all") {
  const DistanceBuckets buckets{4, 8, true};
  AttentionLayout layout;
  layout.offsets = layout.query_offsets = {0, 5, 7};
  layout.query_offsets_in_sequence = {0, 1, 2, 3, 4, 0, 1};
  layout.before = {{}, {}};
  Random random(4);
  const at::Tensor states = random.normal_tensor({7, 2, 3}, 1.0);
  const AttentionLayout some = select_queries(layout, {1, 4});
  const RowRange range = rows_of(layout, buckets, at::kCPU);
  const PositionTerms terms{random.normal_tensor({range.count, 2, 3}, 1.0),
                            random.normal_tensor({range.count, 2, 3}, 1.0)};
  const auto of = [&](const AttentionLayout& which, const at::Tensor& query) {
    return disentangled_attention(query, {{states, states}}, which, 0.5, buckets,
                                  [&](int64_t) -> const PositionTerms& { return terms; });
  };
  const at::Tensor index = at::tensor({1, 4}, at::kLong);
  CHECK(at::allclose(of(some, states.index_select(0, index)), of(layout, states).index_select(0, index), 1e-6,
                     1e-6));
}
