/// The ranks of a run: processes that train one card together. All that they exchange is sums of float32 values, which the program
/// that started them computes (torch.distributed, MPI).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/component_state.hpp>

namespace cuecard {

/// Replaces `count` values by their sums over all ranks, the same on each. Throws when another rank is lost, with the reason.
using SumOverRanks = std::function<void(float* values, std::size_t count)>;

/// The place of this process among the ranks of its run.
struct RankPlace {
  int64_t rank = 0, ranks = 1;
  SumOverRanks sum = {};

  /// The first rank writes files and prints messages.
  bool writes() const { return rank == 0; }
};

/// Every rank calls the same functions in the same order. Threads: one at a time.
class RankGroup {
public:
  /// UsageError unless 0 <= rank < ranks.
  explicit RankGroup(RankPlace place);

  bool several() const { return place_.ranks > 1; }
  int64_t rank() const { return place_.rank; }
  int64_t ranks() const { return place_.ranks; }
  bool writes() const { return place_.writes(); }

  /// The sum of `values` [n], float32 on the CPU, over all ranks.
  at::Tensor sum(const at::Tensor& values);

  /// Asks all ranks to stop; they receive the request with the next sum.
  void stop() { stop_ = true; }
  /// Whether any rank had asked to stop before the latest sum. Makes one if there was none since the last call.
  bool stopped();

  /// The texts of all ranks, by rank. They may contain any bytes.
  std::vector<std::string> gather(const std::string& mine);
  /// The tensors of the first rank, on the CPU; `mine` is ignored on all others.
  TensorMap from_first(const TensorMap& mine);
  /// Copies the values of the first rank's tensors into those of the others.
  void copy_from_first(const std::vector<at::Tensor>& tensors);

  /// DataError on every rank if `mine` is not the same on all, which says what differs.
  void require_same(const std::map<std::string, std::string>& mine);

  /// Throws the error of a sum that failed: later errors are only its consequences.
  void require_all() const;

private:
  RankPlace place_;
  bool stop_ = false, any_stops_ = false, summed_ = false;
  std::string lost_; ///< why a sum failed
};

} // namespace cuecard
