/// Why a training loss is not finite.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/tuner.hpp>

namespace cuecard {

/// Whether no tensor holds NaN or an infinite value. Waits for the device.
bool all_finite(const std::vector<at::Tensor>& tensors);

/// Throws for a loss that is not finite at step `step`, counted from 1: an Error, which is reported as the plugin's, if `condition`
/// returns non-finite values although `parameters` are finite; else a DataError that says what to change.
[[noreturn]] void throw_not_finite(const Tuner& tuner, Engine& engine,
                                   const std::vector<at::Tensor>& parameters, float loss, int64_t step,
                                   const Pass& pass);

} // namespace cuecard
