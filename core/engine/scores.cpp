#include "engine/scores.hpp"

#include <cuecard/error.hpp>

namespace cuecard {

Scores scores_of(const Method& method, const at::Tensor& values, const Batch& batch, const Pass& pass) {
  Scores scores = method.verbalizer->score(values, batch, pass);
  // Where prompts are compared a decision is about the first of them.
  const auto decisions = scores.offsets.size() - 1;
  for (std::size_t d = 0; d < decisions && !method.labels_words(); ++d)
    if (batch.choices[scores.entries.empty() ? d : static_cast<std::size_t>(scores.entries[d])] > 0)
      throw UsageError(
          "the template gives each row a prompt for each of its alternatives, and the verbalizer \"" +
          method.record.verbalizer.component +
          "\" labels every prompt by itself: choose one that compares them, such as \"choices\", "
          "or take {\"choice\"} out of the template");
  return scores;
}

} // namespace cuecard
