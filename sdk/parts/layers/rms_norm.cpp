#include <cuecard/parts/layers/layers.hpp>

#include <cmath>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsqrt.h>
#include <torch/csrc/autograd/custom_function.h>

#include "layers/vectorised.hpp"

namespace cuecard {

namespace {

template <class T>
CUECARD_INLINE T forward_loop(const T* x, const T* weight, T* y, int64_t width, T epsilon) {
  const T sum = in_lanes<T>(width, [x](int64_t i) { return x[i] * x[i]; });
  const T inverse = T(1) / std::sqrt(sum / static_cast<T>(width) + epsilon);
  for (int64_t i = 0; i < width; ++i)
    y[i] = x[i] * inverse * weight[i];
  return inverse;
}

/// dx = r (w dy) - x r^3 mean(x w dy), with r = 1 / rms(x).
template <class T>
CUECARD_INLINE void backward_loop(const T* x, const T* weight, const T* dy, T inverse, T* dx, int64_t width) {
  const T dot = in_lanes<T>(width, [x, weight, dy](int64_t i) { return x[i] * weight[i] * dy[i]; });
  const T shrink = inverse * inverse * inverse * dot / static_cast<T>(width);
  for (int64_t i = 0; i < width; ++i)
    dx[i] = inverse * weight[i] * dy[i] - shrink * x[i];
}

CUECARD_VECTORISED float forward_row(const float* x, const float* weight, float* y, int64_t width,
                                     float epsilon) {
  return forward_loop(x, weight, y, width, epsilon);
}
double forward_row(const double* x, const double* weight, double* y, int64_t width, double epsilon) {
  return forward_loop(x, weight, y, width, epsilon);
}
CUECARD_VECTORISED void backward_row(const float* x, const float* weight, const float* dy, float inverse,
                                     float* dx, int64_t width) {
  backward_loop(x, weight, dy, inverse, dx, width);
}
void backward_row(const double* x, const double* weight, const double* dy, double inverse, double* dx,
                  int64_t width) {
  backward_loop(x, weight, dy, inverse, dx, width);
}

template <class T>
void forward_rows(const at::Tensor& x, const at::Tensor& weight, at::Tensor& y, at::Tensor& inverse,
                  double epsilon) {
  const int64_t width = x.size(-1);
  const T *in = x.const_data_ptr<T>(), *w = weight.const_data_ptr<T>();
  T *out = y.data_ptr<T>(), *r = inverse.data_ptr<T>();
  at::parallel_for(0, inverse.numel(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      r[row] = forward_row(in + row * width, w, out + row * width, width, static_cast<T>(epsilon));
  });
}

template <class T>
void backward_rows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& inverse,
                   const at::Tensor& dy, at::Tensor& dx) {
  const int64_t width = x.size(-1);
  const T *in = x.const_data_ptr<T>(), *w = weight.const_data_ptr<T>(), *r = inverse.const_data_ptr<T>();
  const T* d_out = dy.const_data_ptr<T>();
  T* d_in = dx.data_ptr<T>();
  at::parallel_for(0, inverse.numel(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      backward_row(in + row * width, w, d_out + row * width, r[row], d_in + row * width, width);
  });
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, double epsilon) {
    const at::Tensor x = input.contiguous(), w = weight.contiguous();
    at::Tensor y = at::empty_like(x), inverse = at::empty({x.numel() / x.size(-1)}, x.options());
    if (x.scalar_type() == at::kFloat)
      forward_rows<float>(x, w, y, inverse, epsilon);
    else
      forward_rows<double>(x, w, y, inverse, epsilon);
    context->save_for_backward({x, w, inverse});
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list d_out) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    at::Tensor dx = at::empty_like(saved[0]);
    const at::Tensor dy = d_out[0].contiguous();
    if (dy.scalar_type() == at::kFloat)
      backward_rows<float>(saved[0], saved[1], saved[2], dy, dx);
    else
      backward_rows<double>(saved[0], saved[1], saved[2], dy, dx);
    return {dx, at::Tensor(), at::Tensor()};
  }
};

} // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  const bool fused = x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble) &&
                     weight.scalar_type() == x.scalar_type() && !weight.requires_grad();
  if (fused)
    return RmsNorm::apply(x, weight, epsilon);
  const at::Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  const at::Tensor inverse = at::rsqrt(at::mean(wide * wide, {-1}, true) + epsilon);
  return (wide * inverse).to(x.scalar_type()) * weight;
}

at::Tensor rms_norm_plus_one(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (x.scalar_type() == weight.scalar_type() &&
      (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble))
    return rms_norm(x, weight + 1.0, epsilon);
  return rms_norm(x.to(at::kFloat), weight.to(at::kFloat) + 1.0, epsilon).to(x.scalar_type());
}

} // namespace cuecard
