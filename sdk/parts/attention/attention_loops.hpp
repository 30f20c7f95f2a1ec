/// Loops of packed attention over one row of scores, or the rows of one head, vectorised for the machine.
#pragma once

#include <cstdint>

namespace cuecard {

/// Turns the first `seen` scores into probabilities and the rest into 0; returns the log of their sum before
/// that.
float softmax(float* row, int64_t seen, int64_t width);
double softmax(double* row, int64_t seen, int64_t width);

/// Probabilities again, from scores and the saved logarithm.
void probabilities(float* row, float log_sum, int64_t seen, int64_t width);
void probabilities(double* row, double log_sum, int64_t seen, int64_t width);

/// d scores = scale * p (d p - sum(p d p)), in place of d p.
void score_gradient(const float* p, float* dp, float scale, int64_t width);
void score_gradient(const double* p, double* dp, double scale, int64_t width);

void add(float* row, const float* more, int64_t width);
void add(double* row, const double* more, int64_t width);

/// scores[i] = scale * query . keys[i] for `count` rows of `size` numbers that lie `stride` apart.
void scores_of_one(const float* query, const float* keys, int64_t stride, int64_t count, int64_t size,
                   float scale, float* scores);
void scores_of_one(const double* query, const double* keys, int64_t stride, int64_t count, int64_t size,
                   double scale, double* scores);

/// out += sum of weights[i] * values[i], for rows as above.
void add_weighted(const float* weights, const float* values, int64_t stride, int64_t count, int64_t size,
                  float* out);
void add_weighted(const double* weights, const double* values, int64_t stride, int64_t count, int64_t size,
                  double* out);

} // namespace cuecard
