/// Log-probabilities of given tokens without materialising the logits of the whole vocabulary for all
/// positions: they are computed in blocks of positions, and recomputed in the backward pass.
#include <cuecard/parts/layers/output_projection.hpp>

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

namespace cuecard {

namespace {

/// Positions per block: 64 x 50,000 float32 are 13 MB.
constexpr int64_t block = 64;

at::Tensor wide_logits(const at::Tensor& states, const at::Tensor& head, const at::Tensor& bias, double cap) {
  const at::Tensor logits = linear(states, head, bias);
  const at::Tensor wide = logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
  return cap > 0 ? at::tanh(wide / cap) * cap : wide;
}

class TargetLogProbs : public torch::autograd::Function<TargetLogProbs> {
public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& states,
                            const at::Tensor& head, const at::Tensor& bias, const at::Tensor& targets,
                            bool has_bias, double cap) {
    const at::Tensor ids = targets.clamp_min(0).unsqueeze(1);
    const at::ScalarType type = states.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    at::Tensor result = at::empty({states.size(0)}, states.options().dtype(type));
    at::Tensor sums = at::empty_like(result);
    for (int64_t first = 0; first < states.size(0); first += block) {
      const int64_t count = std::min(block, states.size(0) - first);
      const at::Tensor logits =
          wide_logits(states.narrow(0, first, count), head, has_bias ? bias : at::Tensor(), cap);
      const at::Tensor sum = at::logsumexp(logits, {1});
      sums.narrow(0, first, count).copy_(sum);
      result.narrow(0, first, count).copy_(logits.gather(1, ids.narrow(0, first, count)).squeeze(1) - sum);
    }
    context->save_for_backward({states, head, bias, ids, sums});
    context->saved_data["bias"] = has_bias;
    context->saved_data["cap"] = cap;
    return result;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list d_out) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor &states = saved[0], &head = saved[1], &bias = saved[2], &ids = saved[3], &sums = saved[4];
    const bool has_bias = context->saved_data["bias"].toBool();
    const double cap = context->saved_data["cap"].toDouble();
    torch::autograd::variable_list result(6);
    if (context->needs_input_grad(0))
      result[0] = at::empty_like(states);
    if (context->needs_input_grad(1))
      result[1] = at::zeros_like(head);
    if (has_bias && context->needs_input_grad(2))
      result[2] = at::zeros_like(bias);
    for (int64_t first = 0; first < states.size(0); first += block) {
      const int64_t count = std::min(block, states.size(0) - first);
      const at::Tensor part = states.narrow(0, first, count),
                       weight = d_out[0].narrow(0, first, count).unsqueeze(1);
      // d logit[v] = (1[v = target] - p[v]) * d out
      const at::Tensor logits = wide_logits(part, head, has_bias ? bias : at::Tensor(), cap);
      at::Tensor d_logits = (logits - sums.narrow(0, first, count).unsqueeze(1)).exp_().mul_(weight.neg());
      d_logits.scatter_add_(1, ids.narrow(0, first, count), weight.to(d_logits.scalar_type()));
      if (cap > 0)
        d_logits.mul_(1 - (logits / cap).square());
      d_logits = d_logits.to(head.scalar_type());
      if (result[0].defined())
        result[0].narrow(0, first, count).copy_(cuecard::linear(d_logits, transposed(head)));
      if (result[1].defined())
        result[1].add_(cuecard::linear(d_logits.t(), part.t()));
      if (result[2].defined())
        result[2].add_(d_logits.sum(0));
    }
    return result;
  }
};

} // namespace

at::Tensor target_log_probs(const at::Tensor& states, const at::Tensor& head, const at::Tensor& bias,
                            const at::Tensor& targets, double cap) {
  const at::Tensor absent = at::empty({0}, states.options());
  return TargetLogProbs::apply(states, head, bias.defined() ? bias : absent, targets, bias.defined(), cap);
}

} // namespace cuecard
