#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

constexpr double beta_squared = 1.2 * 1.2;

/// Lower-cased runs of letters and digits. Non-ASCII bytes count as letters.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
    const bool word_character =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (static_cast<unsigned char>(c) & 0x80) != 0;
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

double example_score(const std::string& text, const std::vector<std::string>& references) {
  const std::vector<std::string> hypothesis = words_of(text);
  double precision = 0, recall = 0;
  for (const std::string& reference : references) {
    const std::vector<std::string> target = words_of(reference);
    if (hypothesis.empty() || target.empty())
      continue;
    const auto matched = static_cast<double>(lcs_length(hypothesis, target));
    precision = std::max(precision, matched / static_cast<double>(hypothesis.size()));
    recall = std::max(recall, matched / static_cast<double>(target.size()));
  }
  return precision > 0 ? (1 + beta_squared) * precision * recall / (recall + beta_squared * precision) : 0;
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
