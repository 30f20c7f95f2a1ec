/// Rotary position embeddings (Su et al. 2021, section 3.2) as config.json describes them, scaled for longer texts than in
/// pre-training if it asks for that. The kinds of scaling and their edge cases are transformers'.
///
/// Threads: a Rope does not change; all functions may be called from several threads at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/configuration.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/layers.hpp>

namespace cuecard {

/// How a family's rotary positions differ from Llama's.
struct RopeFamily {
  double theta = 10000.0; ///< where config.json names none
  /// Whether only the first elements of a head may be rotated (partial_rotary_factor); else all are, and with scaling that is an error.
  bool partial = false;
  double part = 1.0;       ///< partial_rotary_factor where config.json names none
  std::string layers = {}; ///< whose parameters to use, where kinds of layers have their own: "full_attention"
};

/// The validated `rope_parameters` of config.json, or its `rope_theta`, `rope_scaling` and `partial_rotary_factor`. A DataError
/// names file and key.
class CUECARD_API Rope {
public:
  enum class Scaling {
    none,
    linear, ///< all frequencies divided by `factor` (Chen et al. 2023, "Extending Context Window")
    /// A larger base for texts longer than the model's positions: theta * (factor * length / positions - (factor - 1))^(d / (d - 2)), with
    /// d rotated elements (transformers; Peng et al. 2023, "Dynamic NTK").
    dynamic,
    yarn,     ///< slow frequencies divided by `factor`, fast ones unchanged (Peng et al. 2023, section 3.2)
    longrope, ///< a divisor for each frequency, another for texts longer than in pre-training (Ding et al. 2024)
    llama3, ///< slow frequencies divided by `factor`, fast ones unchanged, by wavelength (Llama 3.1's published code)
  };

  /// DataError for a kind of scaling that is not among these, for a parameter of it that is missing or out of range, and for a share of
  /// rotated elements that `family` or `head_dim` does not allow.
  Rope(const Configuration& configuration, int64_t head_dim, const RopeFamily& family = {});

  /// How frequencies are scaled for long texts.
  Scaling scaling() const { return scaling_; }
  /// How many of a head's elements are rotated, from the first on.
  int64_t rotated() const { return 2 * ((dimensions_ + 1) / 2); }
  /// Cosines and sines are multiplied by this (yarn, longrope).
  double attention_factor() const { return attention_factor_; }
  /// The longest text that the scaling is for, in tokens, where the model without it has `max_positions` (0: no limit).
  int64_t longest(int64_t max_positions) const;

  /// [rotated / 2] float64 on the CPU, for a text of `length` positions.
  at::Tensor inverse_frequencies(int64_t length = 0) const;

  /// The angles of every token of `side`, the side of `pass`, on its device: [T, rotated / 2] float32, or float64 if `dtype`, the model's,
  /// is float64. With `dynamic` and `longrope` they depend on the length of the token's own text (ForwardPass::lengths), whatever else is
  /// in the batch; texts that share a parent count as the longest of them. Cached keys keep the angles that they were computed with, as in
  /// transformers' caches.
  RotaryAngles angles(const ForwardPass& pass, const Side& side, at::ScalarType dtype) const;

private:
  void read_yarn(const Configuration& configuration);
  void read_longrope(const Configuration& configuration);
  void read_llama3(const Configuration& configuration);
  double yarn_kept(int64_t i) const;
  /// The representative of `length`: texts whose lengths have one representative have the same frequencies.
  int64_t length_class(int64_t length) const;

  std::string layers_;
  int64_t dimensions_; ///< rotated elements of a head; an odd number is rounded up
  double theta_;
  Scaling scaling_ = Scaling::none;
  double factor_ = 1.0, attention_factor_ = 1.0;
  double max_positions_ = 0;      ///< max_position_embeddings
  double original_positions_ = 0; ///< yarn, longrope, llama3: the longest text in pre-training
  /// yarn: frequencies up to index `ramp_begin_` are unchanged, from `ramp_end_` on divided by `factor`, and interpolated in
  /// between.
  double ramp_begin_ = 0, ramp_end_ = 0;
  std::vector<double> short_, long_; ///< longrope: divisors
  /// llama3: a frequency that turns fewer than `low` times within the `original_positions` is divided by `factor`, one that turns
  /// more than `high` times is unchanged, and those in between are interpolated.
  double low_ = 1.0, high_ = 4.0;
};

} // namespace cuecard
