/// Mean pooling over the selected tokens of each entry of a batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Means of `values` [A, width], floating-point, one row per selected token of `batch`, over each entry: [entries, width] float32, on their
/// device; zeros for an entry without selected tokens. Differentiable. Does not wait for the device. c10::Error (LibTorch's) for another
/// number of rows. May be called from several threads at once.
CUECARD_API at::Tensor entry_means(const at::Tensor& values, const Batch& batch);

} // namespace cuecard
