/// Activation functions by their names in `config.json`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include <cuecard/configuration.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Activation functions by transformers' names.
enum class Activation {
  gelu,       ///< x Phi(x), Phi the normal CDF (Hendrycks & Gimpel 2016): gelu, gelu_python
  gelu_tanh,  ///< its tanh approximation: gelu_new, gelu_fast, gelu_pytorch_tanh, gelu_python_tanh
  quick_gelu, ///< x sigmoid(1.702 x)
  relu,
  silu, ///< x sigmoid(x): silu, swish
  tanh,
};

/// The activation of that name; nullopt for an unknown one.
CUECARD_API std::optional<Activation> activation_named(std::string_view name);

/// All names, for messages: "gelu, gelu_python, ...".
CUECARD_API std::string activation_names();

/// The activation that the value of `key` names, or `fallback` if there is no such key. DataError for an unknown name, with file, key
/// and the known names.
CUECARD_API Activation activation_of(const Configuration& configuration, std::string_view key,
                                     const std::string& fallback);

/// Elementwise, differentiable.
CUECARD_API at::Tensor activate(Activation activation, const at::Tensor& x);

} // namespace cuecard
