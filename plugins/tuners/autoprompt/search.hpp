/// State of a trigger search: everything the next iteration depends on, which is what a checkpoint stores.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/component_state.hpp>

namespace cuecard {

struct TriggerSearch {
  int64_t restart = 0;
  int64_t iteration = 0; ///< of this restart
  int64_t done = 0;      ///< iterations of all restarts
  int64_t idle = 0;      ///< iterations since the last improvement
  int64_t best_step = 0;
  double best_dev = -INFINITY;
  double best_loss = INFINITY; ///< without a development set: loss of `best` on the batches that restarts share
  at::Tensor tokens, best;     ///< [slots] int64 on the device
  std::vector<float> losses;   ///< of each iteration: mean exact loss of the trigger after it

  TensorMap state() const;
  /// DataError when `state` belongs to another run.
  void restore(const TensorMap& state);
};

} // namespace cuecard
