#include <array>
#include <stdexcept>

#include "metrics/ngrams.hpp"
#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

constexpr std::size_t longest = 6;
constexpr double beta_squared = 4;

/// N-grams by length: written, of the reference, and in both.
struct Counts {
  std::array<int64_t, longest> written{}, reference{}, both{};

  Counts& operator+=(const Counts& other) {
    for (std::size_t n = 0; n < longest; ++n) {
      written[n] += other.written[n];
      reference[n] += other.reference[n];
      both[n] += other.both[n];
    }
    return *this;
  }

  /// F of the mean precision and the mean recall over the lengths that both sides have.
  double score() const {
    double precision = 0, recall = 0;
    for (std::size_t n = 0; n < longest; ++n)
      if (written[n] > 0 && reference[n] > 0) {
        precision += static_cast<double>(both[n]) / static_cast<double>(written[n]);
        recall += static_cast<double>(both[n]) / static_cast<double>(reference[n]);
      }
    int64_t lengths = 0;
    for (std::size_t n = 0; n < longest; ++n)
      lengths += written[n] > 0 && reference[n] > 0;
    if (precision + recall == 0)
      return 0;
    precision /= static_cast<double>(lengths);
    recall /= static_cast<double>(lengths);
    return (1 + beta_squared) * precision * recall / (beta_squared * precision + recall);
  }
};

/// UTF-8 characters but blanks.
std::vector<std::string> characters_of(const std::string& text) {
  std::vector<std::string> characters;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80 && !characters.empty())
      characters.back() += c;
    else
      characters.emplace_back(1, c);
  }
  std::erase_if(characters, [](const std::string& c) { return c == " " || (c >= "\t" && c <= "\r"); });
  return characters;
}

Counts compared(const std::vector<std::string>& text, const std::vector<std::string>& reference) {
  Counts counts;
  for (std::size_t n = 0; n < longest; ++n) {
    const NgramCounts found = ngrams_of(text, static_cast<int64_t>(n) + 1),
                      wanted = ngrams_of(reference, static_cast<int64_t>(n) + 1);
    counts.written[n] = wanted.empty() ? 0 : sum_of(found); // nothing to compare with
    counts.reference[n] = sum_of(wanted);
    counts.both[n] = matches(found, wanted);
  }
  return counts;
}

} // namespace

double chrf(const WrittenTexts& rows) {
  if (rows.texts.size() != rows.references.size())
    throw std::logic_error("texts and references of different numbers of rows");
  Counts all;
  for (std::size_t row = 0; row < rows.texts.size(); ++row) {
    const std::vector<std::string> text = characters_of(rows.texts[row]);
    Counts best;
    double most = -1;
    for (const std::string& reference : rows.references[row])
      if (const Counts counts = compared(text, characters_of(reference)); counts.score() > most) {
        most = counts.score();
        best = counts;
      }
    all += best;
  }
  return all.score();
}

} // namespace cuecard
