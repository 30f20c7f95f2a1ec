/// Activation functions by their names in `config.json`. Functions of this file may be called from several threads at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include <cuecard/configuration.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Activation functions, with transformers' names for them. The three kinds of gelu are those of Hendrycks & Gimpel 2016, section 2.
enum class Activation {
  gelu,      ///< x Phi(x), Phi the CDF of the standard normal distribution: gelu, gelu_python
  gelu_tanh, ///< x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): gelu_new, gelu_fast, gelu_pytorch_tanh, gelu_python_tanh
  quick_gelu, ///< x sigmoid(1.702 x)
  relu,       ///< max(x, 0)
  silu,       ///< x sigmoid(x) (Hendrycks & Gimpel 2016; Ramachandran et al. 2017): silu, swish
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

/// Elementwise on x of any shape, in its dtype (floating-point) and on its device. Differentiable.
CUECARD_API at::Tensor activate(Activation activation, const at::Tensor& x);

} // namespace cuecard
