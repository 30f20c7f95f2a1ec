/// Searching for discrete tokens in trigger slots: gradients at the slots, and the effect of many candidates at once.
///
///     if (TokenSearch* search = find_extension<TokenSearch>(engine)) ...
#pragma once

#include <cstdint>
#include <string_view>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// The effect of candidate tokens at one trigger slot: sums over a batch, [candidates] float32 on the backbone's device, without
/// gradients.
struct CandidateScores {
  at::Tensor loss; ///< sum of the terms of the verbalizer's loss (Verbalizer::weight)
  /// Number of examples predicted correctly; NaN where decisions are not one label per example.
  at::Tensor correct;
};

/// Threads and the range of `task`: as Engine. `batch` comes from Engine::training_batches or Ranks::rank_batches for that task.
class CUECARD_API TokenSearch {
public:
  /// For Engine::extension.
  static constexpr std::string_view id = "cuecard.token-search/1";

  virtual ~TokenSearch() = default;

  /// d loss / d embedding at each trigger slot, summed over the examples of `batch`: [trigger slots, embedding width] float32 on the
  /// backbone's device (Shin et al. 2020, equation 3). The template has at least one trigger slot.
  virtual at::Tensor gradient(int64_t task, const Batch& batch, const Conditioning& conditioning) = 0;
  /// The effect of each of `candidates` in trigger slot `slot`, all of them as one batched workload. `candidates` is [n] int64 on the
  /// backbone's device, n > 0, token ids below Vocabulary::size(); `slot` is 0 to the number of the template's trigger slots - 1.
  virtual CandidateScores scores(int64_t task, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                                 const Conditioning& conditioning) = 0;
};

} // namespace cuecard
