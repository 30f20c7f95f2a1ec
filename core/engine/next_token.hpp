/// Which token comes next: scores of the vocabulary, changed by what stands there already, and the choice among
/// them. Everything the size of a vocabulary stays on the device.
///
/// n rows, each the end of a text that is being written; V rows of the vocabulary.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/scorer.hpp>

#include "engine/text_bounds.hpp"

namespace cuecard {

/// The text that a row is the end of.
struct TextSoFar {
  const std::vector<int64_t>* ids = nullptr; ///< the prompt's tokens, -1 for a learned row, then those written
  int64_t written = 0;
  int64_t most = 0; ///< tokens that may be written
};

/// `scores` [n, V] float32 with repeated tokens made less likely (Keskar et al. 2019, section 4.1) and tokens
/// that must not come at minus infinity: those that would complete an n-gram a second time (Paulus et al. 2017,
/// section 2.5) or a banned sequence, and the ends while the text is too short. Where the model says which
/// token comes first or last, that one is at 0 and all others at minus infinity. Learned rows are no tokens:
/// they are not repeated, and no n-gram goes across one. The same tensor where nothing changes.
at::Tensor constrained(const at::Tensor& scores, const std::vector<TextSoFar>& texts,
                       const GenerateSettings& settings, const TextBounds& bounds);

/// Tokens chosen at each row, on the host.
struct ChosenTokens {
  int64_t per_row = 1;
  std::vector<int64_t> ids;      ///< [n * per_row], best first in each row
  std::vector<float> scores;     ///< of `ids`, as they were compared; empty for drawn tokens
  std::vector<double> log_probs; ///< of `ids`, by the model itself
};

/// The `count` best of `scores`; `log_probs` [n, V] are the model's own.
ChosenTokens best_tokens(const at::Tensor& scores, const at::Tensor& log_probs, int64_t count);

/// One token per row, drawn by `uniforms` [n] in [0, 1): of the scores divided by the temperature the `top_k`
/// best, of these the fewest that hold `top_p` of the probability (Holtzman et al. 2020, section 3.1), without
/// those below `min_p` of the best one's (Nguyen et al. 2024).
ChosenTokens drawn_tokens(const at::Tensor& scores, const at::Tensor& log_probs,
                          const GenerateSettings& settings, const std::vector<double>& uniforms);

} // namespace cuecard
