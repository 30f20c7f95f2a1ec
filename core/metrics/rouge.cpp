#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "metrics/python_strings.hpp"
#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

/// Runs of ASCII letters and digits in the lower-cased text. Lower-casing turns some other letters into ASCII
/// ones: the kelvin sign, the Turkish dotted capital I.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (const char c : lower_case(text)) {
    const bool word_character = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (word_character && !in_word)
      words.emplace_back();
    if (word_character)
      words.back() += c;
    in_word = word_character;
  }
  return words;
}

/// Length of the longest common subsequence.
int64_t lcs_length(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<int64_t> previous(b.size() + 1, 0); // by prefix length of `b`
  for (const std::string& word : a) {
    std::vector<int64_t> current(b.size() + 1, 0);
    for (std::size_t i = 0; i < b.size(); ++i)
      current[i + 1] = word == b[i] ? previous[i] + 1 : std::max(current[i], previous[i + 1]);
    previous = std::move(current);
  }
  return previous.back();
}

double f_score(const std::vector<std::string>& hypothesis, const std::vector<std::string>& reference) {
  if (hypothesis.empty() || reference.empty())
    return 0;
  const auto matched = static_cast<double>(lcs_length(hypothesis, reference));
  return 2 * matched / static_cast<double>(hypothesis.size() + reference.size());
}

double example_score(const std::string& text, const std::vector<std::string>& references) {
  const std::vector<std::string> hypothesis = words_of(text);
  double best = 0;
  for (const std::string& reference : references)
    best = std::max(best, f_score(hypothesis, words_of(reference)));
  return best;
}

} // namespace

double rouge_l(const GeneratedTexts& generated) {
  if (generated.texts.size() != generated.references.size())
    throw std::logic_error("numbers of texts and reference lists differ");
  double sum = 0;
  for (std::size_t i = 0; i < generated.texts.size(); ++i)
    sum += example_score(generated.texts[i], generated.references[i]);
  return generated.texts.empty() ? 0 : sum / static_cast<double>(generated.texts.size());
}

} // namespace cuecard
