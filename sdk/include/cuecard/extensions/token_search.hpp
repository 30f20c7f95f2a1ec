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

/// The effect of candidate tokens at one trigger slot: sums over a batch, on the device, [candidates].
struct CandidateScores {
  at::Tensor loss;
  at::Tensor correct; ///< number of examples predicted correctly
};

/// Threads: as Engine.
class CUECARD_API TokenSearch {
public:
  static constexpr std::string_view id = "cuecard.token-search/1";

  virtual ~TokenSearch() = default;

  /// d loss / d embedding at each trigger slot, summed over the examples of `batch`: [trigger slots, embedding width] (Shin et al.
  /// 2020, equation 3).
  virtual at::Tensor gradient(int64_t task, const Batch& batch, const Conditioning& conditioning) = 0;
  /// The effect of each of `candidates` [n] int64 in trigger slot `slot`, all of them as one batched workload.
  virtual CandidateScores scores(int64_t task, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                                 const Conditioning& conditioning) = 0;
};

} // namespace cuecard
