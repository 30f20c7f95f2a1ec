#include "rope.hpp"

#include <cmath>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <cuecard/error.hpp>

namespace cuecard::llama {

namespace {

/// A value that transformers 5 keeps in `rope_parameters` and 4 in `rope_scaling`.
double positive(const Configuration& c, const std::string& key) {
  const std::string now = "rope_parameters." + key, before = "rope_scaling." + key;
  const std::string& found = c.has(now) || !c.has(before) ? now : before;
  const double value = c.number(found);
  if (!(value > 0) || !std::isfinite(value))
    throw DataError(c.origin() + ": " + found + " is " + std::to_string(value) +
                    "; expected a positive number.");
  return value;
}

} // namespace

Rope::Rope(const Configuration& c)
    : theta(c.number_or("rope_parameters.rope_theta", c.number_or("rope_theta", 10000.0))) {
  const std::string kind =
      c.text_or("rope_parameters.rope_type",
                c.text_or("rope_scaling.rope_type", c.text_or("rope_scaling.type", "default")));
  if (const double part =
          c.number_or("rope_parameters.partial_rotary_factor", c.number_or("partial_rotary_factor", 1.0));
      part != 1.0)
    throw DataError(c.origin() + ": partial_rotary_factor is " + std::to_string(part) +
                    "; this backbone rotates whole heads, so 1 is expected.");
  if (kind == "default")
    return;
  if (kind != "linear" && kind != "llama3")
    throw DataError(c.origin() + ": rotary scaling is \"" + kind +
                    "\"; this backbone has \"default\", \"linear\" and \"llama3\".");
  scaling = kind == "linear" ? Scaling::linear : Scaling::llama3;
  factor = positive(c, "factor");
  if (scaling != Scaling::llama3)
    return;
  low = positive(c, "low_freq_factor");
  high = positive(c, "high_freq_factor");
  original_positions = c.has("rope_parameters.original_max_position_embeddings") ||
                               c.has("rope_scaling.original_max_position_embeddings")
                           ? positive(c, "original_max_position_embeddings")
                           : c.number("max_position_embeddings"); // as transformers 5 reads such a file
  if (high <= low)
    throw DataError(c.origin() + ": high_freq_factor of the rotary scaling is " + std::to_string(high) +
                    ", which is expected to be above low_freq_factor " + std::to_string(low) + ".");
}

at::Tensor Rope::inverse_frequencies(int64_t head_dim) const {
  at::Tensor result = at::empty({head_dim / 2}, at::kDouble);
  double* out = result.mutable_data_ptr<double>();
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    if (scaling == Scaling::linear) {
      frequency /= factor;
    } else if (scaling == Scaling::llama3) {
      const double turns = original_positions * frequency / (2 * M_PI);
      const double kept = std::fmin(std::fmax((turns - low) / (high - low), 0.0), 1.0);
      frequency = kept * frequency + (1 - kept) * frequency / factor;
    }
    out[i] = frequency;
  }
  return result;
}

} // namespace cuecard::llama
