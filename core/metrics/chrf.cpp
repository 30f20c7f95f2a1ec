#include <array>
#include <stdexcept>

#include "metrics/ngrams.hpp"
#include "metrics/python_strings.hpp"
#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

constexpr std::size_t max_order = 6;
constexpr double beta_squared = 4;

/// Numbers of character n-grams by order: in the hypothesis, in the reference, and matched.
struct Counts {
  std::array<int64_t, max_order> hypothesis{}, reference{}, matched{};

  Counts& operator+=(const Counts& other) {
    for (std::size_t n = 0; n < max_order; ++n) {
      hypothesis[n] += other.hypothesis[n];
      reference[n] += other.reference[n];
      matched[n] += other.matched[n];
    }
    return *this;
  }

  /// F-beta of precision and recall averaged over the orders that occur on both sides.
  double score() const {
    double precision = 0, recall = 0;
    for (std::size_t n = 0; n < max_order; ++n)
      if (hypothesis[n] > 0 && reference[n] > 0) {
        precision += static_cast<double>(matched[n]) / static_cast<double>(hypothesis[n]);
        recall += static_cast<double>(matched[n]) / static_cast<double>(reference[n]);
      }
    int64_t orders = 0;
    for (std::size_t n = 0; n < max_order; ++n)
      orders += hypothesis[n] > 0 && reference[n] > 0;
    if (precision + recall == 0)
      return 0;
    precision /= static_cast<double>(orders);
    recall /= static_cast<double>(orders);
    return (1 + beta_squared) * precision * recall / (beta_squared * precision + recall);
  }
};

/// The characters of `text` without blanks.
std::vector<std::string> inked_characters(const std::string& text) {
  std::vector<std::string> characters;
  for (const std::string_view character : characters_of(text))
    if (!is_blank(character))
      characters.emplace_back(character);
  return characters;
}

Counts count_ngrams(const std::vector<std::string>& text, const std::vector<std::string>& reference) {
  Counts counts;
  for (std::size_t n = 0; n < max_order; ++n) {
    const NgramCounts hypothesis_ngrams = ngrams_of(text, static_cast<int64_t>(n) + 1),
                      reference_ngrams = ngrams_of(reference, static_cast<int64_t>(n) + 1);
    // Orders without reference n-grams are ignored.
    counts.hypothesis[n] = reference_ngrams.empty() ? 0 : total_count(hypothesis_ngrams);
    counts.reference[n] = total_count(reference_ngrams);
    counts.matched[n] = matches(hypothesis_ngrams, reference_ngrams);
  }
  return counts;
}

} // namespace

double chrf(const GeneratedTexts& generated) {
  if (generated.texts.size() != generated.references.size())
    throw std::logic_error("numbers of texts and reference lists differ");
  Counts corpus;
  for (std::size_t i = 0; i < generated.texts.size(); ++i) {
    const std::vector<std::string> text = inked_characters(generated.texts[i]);
    Counts best;
    double best_score = -1;
    for (const std::string& reference : generated.references[i])
      if (const Counts counts = count_ngrams(text, inked_characters(reference)); counts.score() > best_score) {
        best_score = counts.score();
        best = counts;
      }
    corpus += best;
  }
  return corpus.score();
}

} // namespace cuecard
