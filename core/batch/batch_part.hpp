/// Some entries of a batch.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>

namespace cuecard {

struct BatchPart {
  Batch batch;        ///< only these entries, for projection and scoring; tokens and sequences are not copied
  at::Tensor answers; ///< their positions, as indices into all selected ones of the batch; int64 on the device
};

/// Entries `entries` of `batch`, in that order.
BatchPart part_of(const Batch& batch, const std::vector<int64_t>& entries);

} // namespace cuecard
