/// One vector for each entry of a batch, from the rows that were read of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Means of `values` [A, width] over the rows of each entry: [entries, width] float32, on their device.
CUECARD_API at::Tensor entry_means(const at::Tensor& values, const Batch& batch);

} // namespace cuecard
