#include <array>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "metrics/mteval_tokens.hpp"
#include "metrics/ngrams.hpp"
#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

constexpr int64_t max_order = 4;

/// Corpus statistics.
struct Counts {
  std::array<int64_t, max_order> matched{}, total{}; ///< n-grams of the hypotheses, by order
  int64_t hypothesis_length = 0, reference_length = 0;
};

void add_example(Counts& counts, const std::vector<std::string>& text,
                 const std::vector<std::vector<std::string>>& references) {
  const int64_t hypothesis_length = std::ssize(text);
  int64_t closest = std::ssize(references.at(0));
  for (const auto& reference : references) { // ties go to the shorter reference
    const int64_t other = std::ssize(reference);
    const int64_t nearer = std::abs(other - hypothesis_length) - std::abs(closest - hypothesis_length);
    if (nearer < 0 || (nearer == 0 && other < closest))
      closest = other;
  }
  counts.hypothesis_length += hypothesis_length;
  counts.reference_length += closest;
  for (int64_t n = 1; n <= max_order; ++n) {
    NgramCounts reference_counts; // maximum over the references
    for (const auto& reference : references)
      for (const auto& [ngram, count] : ngrams_of(reference, n))
        reference_counts[ngram] = std::max(reference_counts[ngram], count);
    const NgramCounts hypothesis_counts = ngrams_of(text, n);
    counts.matched[static_cast<std::size_t>(n - 1)] += matches(hypothesis_counts, reference_counts);
    counts.total[static_cast<std::size_t>(n - 1)] += total_count(hypothesis_counts);
  }
}

double score(const Counts& counts) {
  if (counts.matched[0] == 0 || counts.total.back() == 0)
    return 0;
  double log_sum = 0, smoothing = 1;
  for (std::size_t n = 0; n < max_order; ++n) {
    auto matched = static_cast<double>(counts.matched[n]);
    if (counts.matched[n] == 0)
      matched = 1 / (smoothing *= 2);
    log_sum += std::log(matched / static_cast<double>(counts.total[n]));
  }
  const double ratio =
      static_cast<double>(counts.reference_length) / static_cast<double>(counts.hypothesis_length);
  return std::exp(log_sum / max_order + std::min(0.0, 1 - ratio));
}

} // namespace

double bleu(const GeneratedTexts& generated) {
  if (generated.texts.size() != generated.references.size())
    throw std::logic_error("numbers of texts and reference lists differ");
  Counts counts;
  for (std::size_t i = 0; i < generated.texts.size(); ++i) {
    std::vector<std::vector<std::string>> references;
    for (const std::string& reference : generated.references[i])
      references.push_back(mteval_tokens(reference));
    add_example(counts, mteval_tokens(generated.texts[i]), references);
  }
  return score(counts);
}

} // namespace cuecard
