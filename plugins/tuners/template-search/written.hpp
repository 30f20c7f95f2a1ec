/// Candidates that the model writes itself (Gao et al. 2021, section 5.2): texts for the gaps that are likely
/// in all training rows at once. One beam search for all of them: a token's score is its log-probability,
/// averaged over the rows.
///
/// Encoder-decoders with sentinels (T5) fill all gaps: the encoder sees each row with its label's word in the
/// answer slot and a sentinel in each gap, the decoder writes what stands for them. Causal models go on with
/// each row's prompt up to the one gap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/tuner.hpp>

#include "gaps.hpp"

namespace cuecard {

struct WritingRequest {
  const Backbone& backbone;
  const Vocabulary& vocabulary;
  const Task& task;
  const Gaps& gaps;
  std::vector<const Example*> rows; ///< with their labels
  int64_t beams = 10;
  int64_t max_tokens = 8; ///< of a gap
  int64_t count = 100;    ///< most candidates
};

struct WrittenTexts {
  std::vector<std::string> texts; ///< by gap
  double log_prob = 0;            ///< of all tokens, mean over the rows
};

/// UsageError for a model that can't write there.
void check_writes(const BackboneShape& shape, const Vocabulary& vocabulary, const Gaps& gaps);

/// Most likely first; on causal models of each length in turn.
std::vector<WrittenTexts> written(Scorer& scorer, const WritingRequest& request);

} // namespace cuecard
