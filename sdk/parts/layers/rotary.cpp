#include <cuecard/parts/layers/layers.hpp>

#include <algorithm>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/sin.h>
#include <torch/csrc/autograd/custom_function.h>

#include "layers/vectorised.hpp"

namespace cuecard {

namespace {

/// (a, b) -> (a cos - b sin, b cos + a sin); `direction` -1 rotates back, which is the gradient.
template <class T>
CUECARD_INLINE void rotate_loop(const T* x, const T* cosine, const T* sine, T direction, T* y, int64_t half) {
  for (int64_t i = 0; i < half; ++i) {
    const T a = x[i], b = x[i + half], s = direction * sine[i];
    y[i] = a * cosine[i] - b * s;
    y[i + half] = b * cosine[i] + a * s;
  }
}

CUECARD_VECTORISED void rotate_head(const float* x, const float* cosine, const float* sine, float direction,
                                    float* y, int64_t half) {
  rotate_loop(x, cosine, sine, direction, y, half);
}
void rotate_head(const double* x, const double* cosine, const double* sine, double direction, double* y,
                 int64_t half) {
  rotate_loop(x, cosine, sine, direction, y, half);
}

template <class T>
void rotate_rows(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine, double direction,
                 at::Tensor& y) {
  const int64_t heads = x.size(1), size = x.size(2), half = cosine.size(1);
  const T *in = x.const_data_ptr<T>(), *c = cosine.const_data_ptr<T>(), *s = sine.const_data_ptr<T>();
  T* out = y.data_ptr<T>();
  at::parallel_for(0, x.size(0), 32, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t head = 0; head < heads; ++head) {
        const int64_t at = (row * heads + head) * size;
        rotate_head(in + at, c + row * half, s + row * half, static_cast<T>(direction), out + at, half);
        std::copy(in + at + 2 * half, in + at + size, out + at + 2 * half);
      }
  });
}

at::Tensor rotated(const at::Tensor& x_, const at::Tensor& cosine, const at::Tensor& sine, double direction) {
  const at::Tensor x = x_.contiguous();
  at::Tensor y = at::empty_like(x);
  if (x.scalar_type() == at::kFloat)
    rotate_rows<float>(x, cosine, sine, direction, y);
  else
    rotate_rows<double>(x, cosine, sine, direction, y);
  return y;
}

class Rotate : public torch::autograd::Function<Rotate> {
public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& cosine, const at::Tensor& sine) {
    context->save_for_backward({cosine, sine});
    return rotated(x, cosine, sine, 1.0);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list d_out) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    return {rotated(d_out[0], saved[0], saved[1], -1.0), at::Tensor(), at::Tensor()};
  }
};

} // namespace

RotaryAngles rotary_angles(const at::Tensor& positions, const at::Tensor& inverse_frequencies,
                           at::ScalarType dtype, double attention_scale) {
  const at::ScalarType kept = dtype == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor angles = positions.to(kept).unsqueeze(1) * inverse_frequencies.to(kept);
  return {at::cos(angles) * attention_scale, at::sin(angles) * attention_scale};
}

at::Tensor rotate(const at::Tensor& x, const RotaryAngles& angles) {
  if (x.is_cpu() && x.scalar_type() == angles.cosine.scalar_type())
    return Rotate::apply(x, angles.cosine, angles.sine);
  const int64_t half = angles.cosine.size(1), rest = x.size(-1) - 2 * half;
  const at::Tensor cosine = angles.cosine.unsqueeze(1), sine = angles.sine.unsqueeze(1);
  const at::Tensor wide = x.to(cosine.scalar_type());
  const at::Tensor a = wide.narrow(-1, 0, half), b = wide.narrow(-1, half, half);
  return at::cat({a * cosine - b * sine, b * cosine + a * sine, wide.narrow(-1, 2 * half, rest)}, -1)
      .to(x.scalar_type());
}

} // namespace cuecard
