/// Rotary frequencies of the Llama family (Su et al. 2021, section 3.2), scaled for longer texts than in
/// pre-training if the configuration requires it.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include <cuecard/configuration.hpp>

namespace cuecard::llama {

/// What config.json says in `rope_parameters`, or in `rope_theta` and `rope_scaling`, checked.
struct Rope {
  enum class Scaling {
    none,
    linear, ///< all frequencies divided by `factor` (Chen et al. 2023, "Extending Context Window")
    llama3, ///< only slow ones, as Llama 3.1 does
  };
  double theta = 10000.0;
  Scaling scaling = Scaling::none;
  double factor = 1.0;
  /// llama3: a frequency that turns fewer than `low` times within the `original_positions` is divided by
  /// `factor`, one that turns more than `high` times is left, and those between are mixtures of both.
  double low = 1.0, high = 4.0, original_positions = 8192.0;

  explicit Rope(const Configuration& configuration);

  /// [head_dim / 2] float64 on the CPU.
  at::Tensor inverse_frequencies(int64_t head_dim) const;
};

} // namespace cuecard::llama
