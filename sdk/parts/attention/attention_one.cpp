#include "attention/attention_call.hpp"
#include "attention/attention_loops.hpp"

namespace cuecard {

namespace {

/// Loops instead of BLAS, whose call overhead exceeds the work for one query.
template <class T>
void attend(const Pointers<T>& p, const AttentionLayout& layout, const Sequence& sequence, int64_t group,
            double scale, T* scores, T* out, T* log_sums) {
  const int64_t share = p.heads / p.groups, query = sequence.first_query;
  for (int64_t head = group * share; head < (group + 1) * share; ++head) {
    int64_t column = 0;
    for (const KeyRange& range : sequence.ranges) {
      const int64_t length = range.end - range.begin;
      if (length > 0)
        scores_of_one(p.q(query, head), p.k(range, group), p.k_stride(), length, p.size, static_cast<T>(scale),
                      scores + column);
      column += length;
    }
    if (p.bias)
      add(scores, p.bias_from(head, -sequence.place(layout, 0)), sequence.keys);
    log_sums[query * p.heads + head] = softmax(scores, sequence.seen(layout, 0), sequence.keys);
    T* row = out + (query * p.heads + head) * p.size;
    std::fill_n(row, p.size, T(0));
    column = 0;
    for (const KeyRange& range : sequence.ranges) {
      const int64_t length = range.end - range.begin;
      if (length > 0)
        add_weighted(scores + column, p.v(range, group), p.k_stride(), length, p.size, row);
      column += length;
    }
  }
}

} // namespace

void attend_one(const Pointers<float>& p, const AttentionLayout& layout, const Sequence& sequence,
                int64_t group, double scale, float* scores, float* out, float* log_sums) {
  attend(p, layout, sequence, group, scale, scores, out, log_sums);
}

void attend_one(const Pointers<double>& p, const AttentionLayout& layout, const Sequence& sequence,
                int64_t group, double scale, double* scores, double* out, double* log_sums) {
  attend(p, layout, sequence, group, scale, scores, out, log_sums);
}

} // namespace cuecard
