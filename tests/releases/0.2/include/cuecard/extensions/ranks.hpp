/// Training in several processes at once, the ranks of a run: each forwards a part of every batch, and their gradients are summed.
///
///     if (Ranks* ranks = find_extension<Ranks>(engine)) ...
///
/// Engines of single-process runs don't have this extension. A tuner that does not use it does the same work on every rank, on
/// whole batches.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Threads: as Engine. Every rank must make the same calls in the same order.
class CUECARD_API Ranks {
public:
  /// For Engine::extension.
  static constexpr std::string_view id = "cuecard.ranks/1";

  virtual ~Ranks() = default;

  /// This rank's part of `Engine::training_batches`, with its ranges and errors, balanced by tokens; none when there are fewer
  /// examples than ranks.
  virtual std::vector<Batch> rank_batches(int64_t task, int64_t step) = 0;
  /// The sum of `values`, [n] float32 on the CPU with the same n on every rank, over all ranks. Bitwise identical on all of them.
  /// Waits for the slowest rank. Error, with the reason, if another rank is lost.
  virtual at::Tensor sum(const at::Tensor& values) = 0;
  /// Copies the first rank's tensors into those of the other ranks, in place: the same number, shapes and dtypes on every rank, on any
  /// device. Waits and fails as `sum`.
  virtual void copy_from_first(const std::vector<at::Tensor>& tensors) = 0;
};

} // namespace cuecard
