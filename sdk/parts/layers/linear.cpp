#include <cuecard/parts/layers/layers.hpp>

#include <optional>
#include <string_view>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <torch/csrc/autograd/custom_function.h>

#include "stored/stored_rows.hpp"

namespace cuecard {

namespace {

using OneDnnLinear = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                                std::string_view, c10::List<std::optional<at::Scalar>>,
                                std::optional<std::string_view>);

/// LibTorch's oneDNN matrix product. None if LibTorch was built without it, or names it differently.
std::optional<c10::TypedOperatorHandle<OneDnnLinear>> find_one_dnn() {
  try {
    const auto handle = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    return handle ? std::optional(handle->typed<OneDnnLinear>()) : std::nullopt;
  } catch (const c10::Error&) {
    return std::nullopt;
  }
}

const std::optional<c10::TypedOperatorHandle<OneDnnLinear>>& one_dnn() {
  static const auto found = find_one_dnn();
  return found;
}

/// oneDNN compiles code for each new number of rows, in about a millisecond: longer than products with smaller weights take.
constexpr int64_t least_weights = 1 << 16;

/// Slices of a matrix's columns are excluded: oneDNN has no fast code for weights that are not dense.
bool by_one_dnn(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat && x.dim() == 2 &&
         x.size(0) > 0 && weight.numel() >= least_weights && weight.is_non_overlapping_and_dense() &&
         (!bias.defined() || bias.is_contiguous()) && one_dnn().has_value();
}

/// a b^T + bias; a [n, k] and b [m, k] may be transposed views.
at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {}) {
  const at::AutoDispatchBelowAutograd below;
  return one_dnn()->call(a, b, bias.defined() ? std::optional(bias) : std::nullopt, "none",
                         c10::List<std::optional<at::Scalar>>(), "");
}

class LinearByOneDnn : public torch::autograd::Function<LinearByOneDnn> {
public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias) {
    // Each is needed for the other's gradient only.
    context->save_for_backward(
        {weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
    return product(x, weight, bias.numel() > 0 ? bias : at::Tensor());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list d_out) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], d_y = d_out[0].contiguous();
    torch::autograd::variable_list result(3);
    if (context->needs_input_grad(0))
      result[0] = product(d_y, weight.t());
    if (context->needs_input_grad(1))
      result[1] = product(d_y.t(), x.contiguous().t());
    if (context->needs_input_grad(2))
      result[2] = d_y.sum(0);
    return result;
  }
};

} // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (stored_rows(weight))
    return stored_linear(x, weight, bias);
  if (by_one_dnn(x, weight, bias)) {
    const bool trains = at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() ||
                                                       (bias.defined() && bias.requires_grad()));
    return trains ? LinearByOneDnn::apply(x, weight, bias.defined() ? bias : at::empty({0}, x.options()))
                  : product(x, weight, bias);
  }
  return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
}

} // namespace cuecard
