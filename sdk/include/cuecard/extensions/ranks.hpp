/// Training in several processes at once, the ranks of a run: each forwards a part of every batch, and their gradients are summed.
///
///     if (Ranks* ranks = find_extension<Ranks>(engine)) ...
///
/// An engine whose run has a single process does not have it. A tuner that does not ask for it does the same on every rank, on whole
/// batches.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Threads: as Engine. Every rank makes the same calls in the same order.
class CUECARD_API Ranks {
public:
  static constexpr std::string_view id = "cuecard.ranks/1";

  virtual ~Ranks() = default;

  /// This rank's part of `Engine::training_batches`, balanced by tokens; none when there are fewer examples than ranks.
  virtual std::vector<Batch> rank_batches(int64_t task, int64_t step) = 0;
  /// The sum of `values`, [n] float32 on the CPU with the same n everywhere, over all ranks. The same, bit by bit, on each of them.
  virtual at::Tensor sum(const at::Tensor& values) = 0;
  /// The tensors of the first rank, copied into those of the others.
  virtual void copy_from_first(const std::vector<at::Tensor>& tensors) = 0;
};

} // namespace cuecard
