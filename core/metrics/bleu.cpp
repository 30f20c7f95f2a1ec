#include <array>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "metrics/mteval_tokens.hpp"
#include "metrics/ngrams.hpp"
#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

constexpr int64_t longest = 4;

/// What the corpus comes to so far.
struct Counts {
  std::array<int64_t, longest> right{}, written{}; ///< n-grams, by length
  int64_t length = 0, reference_length = 0;
};

void count_row(Counts& counts, const std::vector<std::string>& text,
               const std::vector<std::vector<std::string>>& references) {
  const int64_t length = std::ssize(text);
  int64_t closest = std::ssize(references.at(0));
  for (const auto& reference : references) { // the shorter of two that are equally close
    const int64_t other = std::ssize(reference);
    const int64_t nearer = std::abs(other - length) - std::abs(closest - length);
    if (nearer < 0 || (nearer == 0 && other < closest))
      closest = other;
  }
  counts.length += length;
  counts.reference_length += closest;
  for (int64_t n = 1; n <= longest; ++n) {
    NgramCounts wanted; // each n-gram as often as in the reference that has it most often
    for (const auto& reference : references)
      for (const auto& [ngram, count] : ngrams_of(reference, n))
        wanted[ngram] = std::max(wanted[ngram], count);
    const NgramCounts found = ngrams_of(text, n);
    counts.right[static_cast<std::size_t>(n - 1)] += matches(found, wanted);
    counts.written[static_cast<std::size_t>(n - 1)] += sum_of(found);
  }
}

double score(const Counts& counts) {
  if (counts.right[0] == 0 || counts.written.back() == 0)
    return 0;
  double logs = 0, smoothing = 1;
  for (std::size_t n = 0; n < longest; ++n) {
    auto right = static_cast<double>(counts.right[n]);
    if (counts.right[n] == 0)
      right = 1 / (smoothing *= 2);
    logs += std::log(right / static_cast<double>(counts.written[n]));
  }
  const double ratio = static_cast<double>(counts.reference_length) / static_cast<double>(counts.length);
  return std::exp(logs / longest + std::min(0.0, 1 - ratio));
}

} // namespace

double bleu(const WrittenTexts& rows) {
  if (rows.texts.size() != rows.references.size())
    throw std::logic_error("texts and references of different numbers of rows");
  Counts counts;
  for (std::size_t row = 0; row < rows.texts.size(); ++row) {
    std::vector<std::vector<std::string>> references;
    for (const std::string& reference : rows.references[row])
      references.push_back(mteval_tokens(reference));
    count_row(counts, mteval_tokens(rows.texts[row]), references);
  }
  return score(counts);
}

} // namespace cuecard
