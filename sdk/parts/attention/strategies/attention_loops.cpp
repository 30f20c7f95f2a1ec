#include "attention/strategies/attention_loops.hpp"

#include <cmath>

#include "layers/vectorised.hpp"

namespace cuecard {

namespace {

template <class T>
CUECARD_INLINE T softmax_loop(T* row, int64_t seen, int64_t width) {
  const T highest = largest(row, seen);
  for (int64_t i = 0; i < seen; ++i)
    row[i] = fast_exp(row[i] - highest);
  const T sum = in_lanes<T>(seen, [row](int64_t i) { return row[i]; });
  const T inverse = T(1) / sum;
  for (int64_t i = 0; i < seen; ++i)
    row[i] *= inverse;
  for (int64_t i = seen; i < width; ++i)
    row[i] = 0;
  return highest + std::log(sum);
}

template <class T>
CUECARD_INLINE void probabilities_loop(T* row, T log_sum, int64_t seen, int64_t width) {
  for (int64_t i = 0; i < seen; ++i)
    row[i] = fast_exp(row[i] - log_sum);
  for (int64_t i = seen; i < width; ++i)
    row[i] = 0;
}

template <class T>
CUECARD_INLINE void score_gradient_loop(const T* p, T* dp, T scale, int64_t width) {
  const T sum = in_lanes<T>(width, [p, dp](int64_t i) { return p[i] * dp[i]; });
  for (int64_t i = 0; i < width; ++i)
    dp[i] = scale * p[i] * (dp[i] - sum);
}

template <class T>
CUECARD_INLINE void add_loop(T* row, const T* more, int64_t width) {
  for (int64_t i = 0; i < width; ++i)
    row[i] += more[i];
}

/// tanh(x) = (1 - e) / (1 + e) with e = exp(-2x), for the sign of x that doesn't overflow.
template <class T>
CUECARD_INLINE void cap_loop(T* row, T cap, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    const T x = row[i] / cap, e = fast_exp(T(-2) * std::abs(x));
    row[i] = std::copysign(cap * (T(1) - e) / (T(1) + e), x);
  }
}

template <class T>
CUECARD_INLINE void slopes_loop(const T* capped, T cap, T* slopes, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    const T t = capped[i] / cap;
    slopes[i] = T(1) - t * t;
  }
}

template <class T>
CUECARD_INLINE void multiply_loop(T* row, const T* by, int64_t width) {
  for (int64_t i = 0; i < width; ++i)
    row[i] *= by[i];
}

template <class T>
CUECARD_INLINE void scores_loop(const T* query, const T* keys, int64_t stride, int64_t count, int64_t size,
                                T scale, T* scores) {
  for (int64_t i = 0; i < count; ++i) {
    const T* key = keys + i * stride;
    scores[i] = scale * in_lanes<T>(size, [query, key](int64_t j) { return query[j] * key[j]; });
  }
}

template <class T>
CUECARD_INLINE void weighted_loop(const T* weights, const T* values, int64_t stride, int64_t count,
                                  int64_t size, T* out) {
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < size; ++j)
      out[j] += weights[i] * values[i * stride + j];
}

} // namespace

CUECARD_VECTORISED float softmax(float* row, int64_t seen, int64_t width) {
  return softmax_loop(row, seen, width);
}
double softmax(double* row, int64_t seen, int64_t width) {
  return softmax_loop(row, seen, width);
}
CUECARD_VECTORISED void probabilities(float* row, float log_sum, int64_t seen, int64_t width) {
  probabilities_loop(row, log_sum, seen, width);
}
void probabilities(double* row, double log_sum, int64_t seen, int64_t width) {
  probabilities_loop(row, log_sum, seen, width);
}
CUECARD_VECTORISED void score_gradient(const float* p, float* dp, float scale, int64_t width) {
  score_gradient_loop(p, dp, scale, width);
}
void score_gradient(const double* p, double* dp, double scale, int64_t width) {
  score_gradient_loop(p, dp, scale, width);
}
CUECARD_VECTORISED void add(float* row, const float* more, int64_t width) {
  add_loop(row, more, width);
}
void add(double* row, const double* more, int64_t width) {
  add_loop(row, more, width);
}
CUECARD_VECTORISED void cap_scores(float* row, float cap, int64_t width) {
  cap_loop(row, cap, width);
}
void cap_scores(double* row, double cap, int64_t width) {
  cap_loop(row, cap, width);
}
CUECARD_VECTORISED void cap_slopes(const float* capped, float cap, float* slopes, int64_t width) {
  slopes_loop(capped, cap, slopes, width);
}
void cap_slopes(const double* capped, double cap, double* slopes, int64_t width) {
  slopes_loop(capped, cap, slopes, width);
}
CUECARD_VECTORISED void multiply(float* row, const float* by, int64_t width) {
  multiply_loop(row, by, width);
}
void multiply(double* row, const double* by, int64_t width) {
  multiply_loop(row, by, width);
}
CUECARD_VECTORISED void scores_of_one(const float* query, const float* keys, int64_t stride, int64_t count,
                                      int64_t size, float scale, float* scores) {
  scores_loop(query, keys, stride, count, size, scale, scores);
}
void scores_of_one(const double* query, const double* keys, int64_t stride, int64_t count, int64_t size,
                   double scale, double* scores) {
  scores_loop(query, keys, stride, count, size, scale, scores);
}
CUECARD_VECTORISED void add_weighted(const float* weights, const float* values, int64_t stride, int64_t count,
                                     int64_t size, float* out) {
  weighted_loop(weights, values, stride, count, size, out);
}
void add_weighted(const double* weights, const double* values, int64_t stride, int64_t count, int64_t size,
                  double* out) {
  weighted_loop(weights, values, stride, count, size, out);
}

} // namespace cuecard
