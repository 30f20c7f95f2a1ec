/// Vectorised loops of packed attention over the scores of one query, or the keys of one head.
#pragma once

#include <cstdint>

namespace cuecard {

/// Softmax of the first `seen` scores, in place; the rest become 0. Returns the log-sum-exp of the scores.
float softmax(float* row, int64_t seen, int64_t width);
double softmax(double* row, int64_t seen, int64_t width);

/// Recomputes the probabilities from the scores and the saved log-sum-exp, in place.
void probabilities(float* row, float log_sum, int64_t seen, int64_t width);
void probabilities(double* row, double log_sum, int64_t seen, int64_t width);

/// d scores = scale * p (d p - sum(p d p)); overwrites d p.
void score_gradient(const float* p, float* dp, float scale, int64_t width);
void score_gradient(const double* p, double* dp, double scale, int64_t width);

void add(float* row, const float* more, int64_t width);
void add(double* row, const double* more, int64_t width);

/// Each score s becomes cap * tanh(s / cap).
void cap_scores(float* row, float cap, int64_t width);
void cap_scores(double* row, double cap, int64_t width);

/// The slope of that at each score, from the capped scores.
void cap_slopes(const float* capped, float cap, float* slopes, int64_t width);
void cap_slopes(const double* capped, double cap, double* slopes, int64_t width);

void multiply(float* row, const float* by, int64_t width);
void multiply(double* row, const double* by, int64_t width);

/// scores[i] = scale * query . keys[i] for `count` keys of size `size`, `stride` elements apart.
void scores_of_one(const float* query, const float* keys, int64_t stride, int64_t count, int64_t size,
                   float scale, float* scores);
void scores_of_one(const double* query, const double* keys, int64_t stride, int64_t count, int64_t size,
                   double scale, double* scores);

/// out += sum of weights[i] * values[i], with values laid out like the keys above.
void add_weighted(const float* weights, const float* values, int64_t stride, int64_t count, int64_t size,
                  float* out);
void add_weighted(const double* weights, const double* values, int64_t stride, int64_t count, int64_t size,
                  double* out);

} // namespace cuecard
