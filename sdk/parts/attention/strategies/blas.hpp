/// Small matrix products inside a parallel loop, with the BLAS that LibTorch bundles and exports.
#pragma once

#include <cstdint>

extern "C" {
void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*,
            const int*, const float*, const int*, const float*, float*, const int*);
void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*,
            const int*, const double*, const int*, const double*, double*, const int*);
}

namespace cuecard {

/// Column-major C[m, n] = alpha op(A)[m, k] op(B)[k, n] + beta C, with leading dimensions, in BLAS conventions.
inline void gemm(char op_a, char op_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                 int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  const int m_ = static_cast<int>(m), n_ = static_cast<int>(n), k_ = static_cast<int>(k);
  const int a_ = static_cast<int>(lda), b_ = static_cast<int>(ldb), c_ = static_cast<int>(ldc);
  sgemm_(&op_a, &op_b, &m_, &n_, &k_, &alpha, a, &a_, b, &b_, &beta, c, &c_);
}

inline void gemm(char op_a, char op_b, int64_t m, int64_t n, int64_t k, double alpha, const double* a,
                 int64_t lda, const double* b, int64_t ldb, double beta, double* c, int64_t ldc) {
  const int m_ = static_cast<int>(m), n_ = static_cast<int>(n), k_ = static_cast<int>(k);
  const int a_ = static_cast<int>(lda), b_ = static_cast<int>(ldb), c_ = static_cast<int>(ldc);
  dgemm_(&op_a, &op_b, &m_, &n_, &k_, &alpha, a, &a_, b, &b_, &beta, c, &c_);
}

} // namespace cuecard
