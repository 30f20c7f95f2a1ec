#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

constexpr double beta_squared = 1.2 * 1.2;

/// Runs of letters and digits. Bytes outside ASCII count as letters.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  bool open = false;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
    const bool letter =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (static_cast<unsigned char>(c) & 0x80) != 0;
    if (letter && !open)
      words.emplace_back();
    if (letter)
      words.back() += c;
    open = letter;
  }
  return words;
}

/// Length of the longest common subsequence.
int64_t common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<int64_t> before(b.size() + 1, 0); // of what of `a` was seen and the first words of `b`
  for (const std::string& word : a) {
    std::vector<int64_t> now(b.size() + 1, 0);
    for (std::size_t i = 0; i < b.size(); ++i)
      now[i + 1] = word == b[i] ? before[i] + 1 : std::max(now[i], before[i + 1]);
    before = std::move(now);
  }
  return before.back();
}

double of_row(const std::string& text, const std::vector<std::string>& references) {
  const std::vector<std::string> written = words_of(text);
  double precision = 0, recall = 0;
  for (const std::string& reference : references) {
    const std::vector<std::string> wanted = words_of(reference);
    if (written.empty() || wanted.empty())
      continue;
    const auto shared = static_cast<double>(common(written, wanted));
    precision = std::max(precision, shared / static_cast<double>(written.size()));
    recall = std::max(recall, shared / static_cast<double>(wanted.size()));
  }
  return precision > 0 ? (1 + beta_squared) * precision * recall / (recall + beta_squared * precision) : 0;
}

} // namespace

double rouge_l(const WrittenTexts& rows) {
  if (rows.texts.size() != rows.references.size())
    throw std::logic_error("texts and references of different numbers of rows");
  double sum = 0;
  for (std::size_t row = 0; row < rows.texts.size(); ++row)
    sum += of_row(rows.texts[row], rows.references[row]);
  return rows.texts.empty() ? 0 : sum / static_cast<double>(rows.texts.size());
}

} // namespace cuecard
