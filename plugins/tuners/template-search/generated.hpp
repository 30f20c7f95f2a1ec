/// Candidates that the model generates (Gao et al. 2021, section 5.2): texts for the gaps that are probable for
/// all training examples at once. One beam search, in which a token's score is its log-probability averaged
/// over examples.
///
/// Encoder-decoders with sentinels (T5) fill all gaps: the encoder sees each example with its label's word in
/// the answer slot and a sentinel in each gap, and the decoder generates their texts. Causal models continue
/// each example's prompt up to the only gap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/tuner.hpp>

#include "gaps.hpp"

namespace cuecard {

struct GenerationRequest {
  const Backbone& backbone;
  const Vocabulary& vocabulary;
  const Task& task;
  const Gaps& gaps;
  std::vector<const Example*> examples; ///< labelled
  int64_t beams = 10;
  int64_t max_tokens = 8; ///< per gap
  int64_t count = 100;    ///< largest number of candidates
};

/// UsageError for a model that can't fill these gaps.
void check_generation(const BackboneShape& shape, const Vocabulary& vocabulary, const Gaps& gaps);

/// [candidates][gaps] texts, most probable first; on causal models the best of each length, then the second of
/// each length, and so on.
std::vector<std::vector<std::string>> generate_texts(Scorer& scorer, const GenerationRequest& request);

} // namespace cuecard
