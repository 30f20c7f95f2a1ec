#include <cuecard/parts/layers/activation.hpp>

#include <array>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

constexpr std::array<std::pair<std::string_view, Activation>, 11> named{{
    {"gelu", Activation::gelu},
    {"gelu_python", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_python_tanh", Activation::gelu_tanh},
    {"quick_gelu", Activation::quick_gelu},
    {"relu", Activation::relu},
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"tanh", Activation::tanh},
}};

} // namespace

std::optional<Activation> activation_named(std::string_view name) {
  for (const auto& [spelling, activation] : named)
    if (spelling == name)
      return activation;
  return std::nullopt;
}

std::string activation_names() {
  std::string names;
  for (const auto& [spelling, activation] : named)
    names += (names.empty() ? "" : ", ") + std::string(spelling);
  return names;
}

Activation activation_of(const Configuration& configuration, std::string_view key,
                         const std::string& fallback) {
  const std::string name = configuration.text_or(key, fallback);
  if (const std::optional<Activation> activation = activation_named(name))
    return *activation;
  throw DataError(configuration.origin() + ": " + std::string(key) + " is \"" + name + "\"; known are " +
                  activation_names() + ".");
}

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
  case Activation::gelu:
    return at::gelu(x, "none");
  case Activation::gelu_tanh:
    return at::gelu(x, "tanh");
  case Activation::quick_gelu:
    return x * at::sigmoid(x * 1.702);
  case Activation::relu:
    return at::relu(x);
  case Activation::silu:
    return at::silu(x);
  case Activation::tanh:
    return at::tanh(x);
  }
  throw Error("activate: unknown activation.");
}

} // namespace cuecard
