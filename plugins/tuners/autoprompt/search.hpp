/// Where a trigger search stands: everything that its next iteration depends on, and so what a checkpoint
/// holds.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/learned.hpp>

namespace cuecard {

struct TriggerSearch {
  int64_t restart = 0;   ///< which of the searches is under way
  int64_t iteration = 0; ///< of this one
  int64_t done = 0;      ///< iterations of all
  int64_t idle = 0;      ///< iterations since something better was found
  int64_t best_step = 0;
  double best_dev = -INFINITY;
  double best_loss = INFINITY; ///< of `best` on the batches that searches are compared on, without dev rows
  at::Tensor tokens, best;     ///< [slots] int64 on the device
  std::vector<float> losses;   ///< of each iteration: mean exact loss of what it kept

  TensorMap state() const;
  /// DataError when it belongs to another run.
  void restore(const TensorMap& state);
};

} // namespace cuecard
