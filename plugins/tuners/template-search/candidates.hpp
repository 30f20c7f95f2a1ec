/// Candidate templates of a search, and their state in a checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/component_state.hpp>

namespace cuecard {

struct Candidate {
  std::string source;
  double loss = 0; ///< mean over the training examples; infinite: no example fits the template
  /// Label words found for it, [labels][1] token ids; empty: those of the task.
  std::vector<std::vector<int64_t>> words = {};
};

/// `sources`, the bytes of all texts; `lengths` of each; `losses` of the first `scored`; `words` [scored,
/// labels] where label words are searched, -1 for a candidate that no example fits.
TensorMap state_of(const std::vector<Candidate>& candidates, std::size_t scored);

/// DataError for tensors that are not such a state.
std::vector<Candidate> restored(const TensorMap& state, std::size_t& scored);

/// The first element of each list, then the second of each, and so on.
template <class T>
std::vector<T> interleaved(const std::vector<std::vector<T>>& lists) {
  std::vector<T> result;
  for (std::size_t rank = 0, size = 0; rank == 0 || result.size() > size; ++rank) {
    size = result.size();
    for (const std::vector<T>& list : lists)
      if (rank < list.size())
        result.push_back(list[rank]);
  }
  return result;
}

} // namespace cuecard
