/// Templates that a search tries, and how they are kept in a checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/learned.hpp>

namespace cuecard {

struct Candidate {
  std::string source;
  double loss = 0;                         ///< of the training rows, mean; infinite: no row fits the template
  std::vector<std::vector<int64_t>> words; ///< label words found for it, one a label; empty: the task's
};

/// `sources`, the bytes of all texts; `lengths` of each; `losses` of the `scored` first; `words` [scored,
/// labels] where words are searched, -1 for a candidate that no row fits.
TensorMap state_of(const std::vector<Candidate>& candidates, std::size_t scored);

/// DataError where the tensors are not those of a state.
std::vector<Candidate> restored(const TensorMap& state, std::size_t& scored);

} // namespace cuecard
