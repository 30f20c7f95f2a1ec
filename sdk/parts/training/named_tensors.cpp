#include <cuecard/parts/training/named_tensors.hpp>

#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>

namespace cuecard {

std::string sizes_of(at::IntArrayRef sizes) {
  std::string text;
  for (const int64_t size : sizes)
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "a scalar" : text;
}

std::string sizes_of(const at::Tensor& tensor) {
  return tensor.defined() ? sizes_of(tensor.sizes()) : "nothing";
}

ComponentState state_of(const NamedTensors& tensors) {
  ComponentState state;
  for (const auto& [name, tensor] : tensors)
    state.tensors[name] = tensor.detach();
  return state;
}

void copy_state(const NamedTensors& tensors, const ComponentState& state, const std::string& misfit) {
  for (const auto& [name, tensor] : tensors) {
    const auto found = state.tensors.find(name);
    if (found == state.tensors.end() || found->second.sizes() != tensor.sizes())
      throw DataError("the card's " + misfit + ": expected a tensor \"" + name + "\" of " + sizes_of(tensor) +
                      ", found " +
                      (found == state.tensors.end() ? "none" : "one of " + sizes_of(found->second)) + ".");
    if (!found->second.is_floating_point())
      throw DataError(
          "the card's tensor \"" + name +
          "\" does not hold floating-point numbers; restore the card's original files, or train it again.");
  }
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors)
    at::Tensor(tensor).copy_(state.tensors.at(name));
}

} // namespace cuecard
