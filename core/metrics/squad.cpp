#include <algorithm>
#include <cstdint>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

/// `normalize_answer` of the data set's evaluation script.
std::vector<std::string> squad_words(const std::string& text) {
  constexpr std::string_view punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
  std::string kept;
  for (const char c : text)
    if (punctuation.find(c) == punctuation.npos)
      kept += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::vector<std::string> words;
  std::istringstream all(kept);
  for (std::string word; all >> word;)
    if (word != "a" && word != "an" && word != "the")
      words.push_back(word);
  return words;
}

double word_f1(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::map<std::string, int64_t> left;
  for (const std::string& word : b)
    ++left[word];
  double common = 0;
  for (const std::string& word : a)
    common += left[word]-- > 0;
  return common == 0 ? 0 : 2 * common / static_cast<double>(a.size() + b.size());
}

/// Mean over the rows of the best that `likeness` finds among a row's references.
template <class Likeness>
double mean_of_best(const WrittenTexts& rows, Likeness&& likeness) {
  if (rows.texts.size() != rows.references.size())
    throw std::logic_error("texts and references of different numbers of rows");
  double sum = 0;
  for (std::size_t row = 0; row < rows.texts.size(); ++row) {
    const std::vector<std::string> text = squad_words(rows.texts[row]);
    double best = 0;
    for (const std::string& reference : rows.references[row])
      best = std::max<double>(best, likeness(text, squad_words(reference)));
    sum += best;
  }
  return rows.texts.empty() ? 0 : sum / static_cast<double>(rows.texts.size());
}

} // namespace

double squad_em(const WrittenTexts& rows) {
  return mean_of_best(rows, [](const auto& text, const auto& reference) { return text == reference; });
}

double squad_f1(const WrittenTexts& rows) {
  return mean_of_best(rows, word_f1);
}

} // namespace cuecard
