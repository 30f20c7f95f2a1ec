#include "attention/strategies/attention_call.hpp"
#include "attention/strategies/attention_loops.hpp"

namespace cuecard {

namespace {

/// Loops instead of BLAS, whose call overhead exceeds the work for one query.
template <class T>
void attend(const Pointers<T>& p, const AttentionLayout& layout, const QueryBlock& block, int64_t group,
            T* scores, T* out, T* log_sums) {
  const int64_t share = p.heads / p.groups, query = block.first_query;
  for (int64_t head = group * share; head < (group + 1) * share; ++head) {
    int64_t column = 0;
    for (const KeyRange& range : block.ranges) {
      const int64_t length = range.end - range.begin;
      if (length > 0)
        scores_of_one(p.q(query, head), p.k(range, group), p.k_stride(), length, p.size,
                      static_cast<T>(p.scale), scores + column);
      column += length;
    }
    if (p.cap > 0)
      cap_scores(scores, static_cast<T>(p.cap), block.keys);
    if (p.bias)
      add(scores, p.bias_from(head, block.first_key - block.place(layout, 0)), block.keys);
    log_sums[query * p.heads + head] = softmax(scores, block.keys, block.keys);
    T* row = out + (query * p.heads + head) * p.size;
    std::fill_n(row, p.size, T(0));
    column = 0;
    for (const KeyRange& range : block.ranges) {
      const int64_t length = range.end - range.begin;
      if (length > 0)
        add_weighted(scores + column, p.v(range, group), p.k_stride(), length, p.size, row);
      column += length;
    }
  }
}

} // namespace

void attend_one(const Pointers<float>& p, const AttentionLayout& layout, const QueryBlock& block, int64_t group,
                float* scores, float* out, float* log_sums) {
  attend(p, layout, block, group, scores, out, log_sums);
}

void attend_one(const Pointers<double>& p, const AttentionLayout& layout, const QueryBlock& block,
                int64_t group, double* scores, double* out, double* log_sums) {
  attend(p, layout, block, group, scores, out, log_sums);
}

} // namespace cuecard
