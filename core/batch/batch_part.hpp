/// Some entries of a batch.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>

namespace cuecard {

struct BatchPart {
  Batch batch;        ///< the entries alone, for reading and scoring: rows and sequences are not copied
  at::Tensor answers; ///< which of all the batch's read rows are theirs, int64 on the device
};

/// The entries `entries` of `batch`, in that order.
BatchPart part_of(const Batch& batch, const std::vector<int64_t>& entries);

} // namespace cuecard
