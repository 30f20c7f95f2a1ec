/// Chooses the next token: logits processors that depend on the text so far, then greedy choice, beam
/// candidates or sampling. Tensors of vocabulary size stay on the device.
///
/// n: number of running texts; V: size of the vocabulary.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/scorer.hpp>

#include "engine/generate/text_bounds.hpp"

namespace cuecard {

/// The text whose next token is chosen.
struct TextSoFar {
  const std::vector<int64_t>* ids =
      nullptr;         ///< the prompt's tokens (virtual ones: -1), then the generated ones
  int64_t written = 0; ///< number of generated tokens
  int64_t most = 0;    ///< most tokens to generate
};

/// `scores` [n, V] float32 with the repetition penalty applied (Keskar et al. 2019, section 4.1) and forbidden
/// tokens at minus infinity: those that would repeat an n-gram (Paulus et al. 2017, section 2.5) or complete a
/// banned sequence, and end-of-sequence tokens while the text is too short. Where the model forces the first or
/// the last token, that one is at 0 and all others at minus infinity. Virtual tokens do not count as tokens:
/// they are not repeated, and no n-gram spans one. Returns the same tensor where nothing changes.
at::Tensor constrained(const at::Tensor& scores, const std::vector<TextSoFar>& texts,
                       const GenerateSettings& settings, const TextBounds& bounds);

/// Tokens chosen for each row, on the host.
struct ChosenTokens {
  int64_t per_row = 1;
  std::vector<int64_t> ids;      ///< [n * per_row], best first in each row
  std::vector<float> scores;     ///< of `ids`, after the processors; empty for sampled tokens
  std::vector<double> log_probs; ///< of `ids`, the model's own
};

/// The `count` best of `scores`; `log_probs` [n, V] are the model's own.
ChosenTokens best_tokens(const at::Tensor& scores, const at::Tensor& log_probs, int64_t count);

/// One token per row, sampled with `uniforms` [n] in [0, 1): from the scores divided by the temperature,
/// limited to the `top_k` best, of these to the fewest that hold `top_p` of the probability (Holtzman et al.
/// 2020, section 3.1), and to those whose probability is at least `min_p` times the best one's (Nguyen et al.
/// 2024).
ChosenTokens drawn_tokens(const at::Tensor& scores, const at::Tensor& log_probs,
                          const GenerateSettings& settings, const std::vector<double>& uniforms);

} // namespace cuecard
