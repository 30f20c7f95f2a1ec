/// Candidates from a text file.
///
/// A line with an item in braces is itself a template. All other text is mined: where a word of a label occurs
/// in a sentence, the candidates are the words between a subject and the label word if a training example of
/// that label has the subject as a field (Jiang et al. 2020, section 3.1: middle words); otherwise the words
/// before it, one to `max_words`.
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
  const std::vector<std::string>& answers; ///< of each label, as in a sentence
  const std::vector<Example>& examples;
  int64_t max_words;
  int64_t count; ///< largest number of candidates, without the file's templates
};

/// Templates of the file first, then mined ones: the best of each length, then the second of each length, and
/// so on. Phrases that occur with more labels are better, then more frequent ones. A gap after the answer is
/// filled with the most frequent punctuation after label words. UsageError for more than one gap before or
/// after the answer.
std::vector<std::string> mine_templates(const MiningRequest& request);

} // namespace cuecard
