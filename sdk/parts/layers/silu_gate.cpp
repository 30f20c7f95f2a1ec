#include <cuecard/parts/layers/layers.hpp>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/silu.h>
#include <torch/csrc/autograd/custom_function.h>

#include "layers/vectorised.hpp"

namespace cuecard {

namespace {

constexpr int64_t grain = 16384;

template <class T>
CUECARD_INLINE void forward_loop(const T* gate, const T* up, T* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    y[i] = gate[i] / (T(1) + fast_exp(-gate[i])) * up[i];
}

/// d gate = dy up (s + gate s (1 - s)), d up = dy gate s, with s = sigmoid(gate).
template <class T>
CUECARD_INLINE void backward_loop(const T* gate, const T* up, const T* dy, T* d_gate, T* d_up, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const T s = T(1) / (T(1) + fast_exp(-gate[i]));
    d_up[i] = dy[i] * gate[i] * s;
    d_gate[i] = dy[i] * up[i] * (s + gate[i] * s * (T(1) - s));
  }
}

CUECARD_VECTORISED void forward_some(const float* gate, const float* up, float* y, int64_t count) {
  forward_loop(gate, up, y, count);
}
void forward_some(const double* gate, const double* up, double* y, int64_t count) {
  forward_loop(gate, up, y, count);
}
CUECARD_VECTORISED void backward_some(const float* gate, const float* up, const float* dy, float* d_gate,
                                      float* d_up, int64_t count) {
  backward_loop(gate, up, dy, d_gate, d_up, count);
}
void backward_some(const double* gate, const double* up, const double* dy, double* d_gate, double* d_up,
                   int64_t count) {
  backward_loop(gate, up, dy, d_gate, d_up, count);
}

template <class T>
void forward_all(const at::Tensor& gate, const at::Tensor& up, at::Tensor& y) {
  const T *g = gate.const_data_ptr<T>(), *u = up.const_data_ptr<T>();
  T* out = y.data_ptr<T>();
  at::parallel_for(0, gate.numel(), grain, [&](int64_t begin, int64_t end) {
    forward_some(g + begin, u + begin, out + begin, end - begin);
  });
}

template <class T>
void backward_all(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& dy, at::Tensor& d_gate,
                  at::Tensor& d_up) {
  const T *g = gate.const_data_ptr<T>(), *u = up.const_data_ptr<T>(), *d = dy.const_data_ptr<T>();
  T *dg = d_gate.data_ptr<T>(), *du = d_up.data_ptr<T>();
  at::parallel_for(0, gate.numel(), grain, [&](int64_t begin, int64_t end) {
    backward_some(g + begin, u + begin, d + begin, dg + begin, du + begin, end - begin);
  });
}

class SiluGate : public torch::autograd::Function<SiluGate> {
public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& gate_,
                            const at::Tensor& up_) {
    const at::Tensor gate = gate_.contiguous(), up = up_.contiguous();
    at::Tensor y = at::empty_like(gate);
    if (gate.scalar_type() == at::kFloat)
      forward_all<float>(gate, up, y);
    else
      forward_all<double>(gate, up, y);
    context->save_for_backward({gate, up});
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list d_out) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor dy = d_out[0].contiguous();
    at::Tensor d_gate = at::empty_like(dy), d_up = at::empty_like(dy);
    if (dy.scalar_type() == at::kFloat)
      backward_all<float>(saved[0], saved[1], dy, d_gate, d_up);
    else
      backward_all<double>(saved[0], saved[1], dy, d_gate, d_up);
    return {d_gate, d_up};
  }
};

} // namespace

at::Tensor silu_gate(const at::Tensor& gate, const at::Tensor& up) {
  if (gate.is_cpu() && (gate.scalar_type() == at::kFloat || gate.scalar_type() == at::kDouble))
    return SiluGate::apply(gate, up);
  return at::silu(gate) * up;
}

} // namespace cuecard
