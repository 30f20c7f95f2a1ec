/// Candidates from a text file.
///
/// A line that has an item in braces is a template as it stands. All other text is mined: where a word of a
/// label occurs in a sentence, what stands between a subject and the word is taken when a training row of that
/// label has the subject as a field (Jiang et al. 2020, section 3.1: middle words); else the words in front of
/// it, one to `max_words`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/example.hpp>

#include "gaps.hpp"

namespace cuecard {

struct MiningRequest {
  const std::string& text;
  const Gaps& gaps;
  const std::vector<std::string>& answers; ///< of each label, as it stands in a sentence
  const std::vector<Example>& rows;        ///< with their labels
  int64_t max_words;
  int64_t count; ///< most candidates, templates not counted
};

/// Templates, those of the file first; then what was mined, of each length in turn what stood in front of most
/// labels' words, most often. A gap behind the answer takes the punctuation that follows the word most often.
/// UsageError when there is more than one gap on a side of the answer.
std::vector<std::string> mined(const MiningRequest& request);

} // namespace cuecard
