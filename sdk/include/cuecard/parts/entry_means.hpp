/// Mean pooling over the selected tokens of each entry of a batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Means of `values` [A, width], one row per selected token, over each entry: [entries, width] float32, on their device. Does not
/// wait for the device.
CUECARD_API at::Tensor entry_means(const at::Tensor& values, const Batch& batch);

} // namespace cuecard
