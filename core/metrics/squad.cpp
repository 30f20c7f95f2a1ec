#include <algorithm>
#include <cstdint>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

/// `normalize_answer` of SQuAD's evaluation script, split at whitespace.
std::vector<std::string> normalized_words(const std::string& text) {
  constexpr std::string_view punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
  std::string kept;
  for (const char c : text)
    if (punctuation.find(c) == punctuation.npos)
      kept += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::vector<std::string> words;
  std::istringstream stream(kept);
  for (std::string word; stream >> word;)
    if (word != "a" && word != "an" && word != "the")
      words.push_back(word);
  return words;
}

double word_f1(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::map<std::string, int64_t> left;
  for (const std::string& word : b)
    ++left[word];
  double shared = 0;
  for (const std::string& word : a)
    shared += left[word]-- > 0;
  return shared == 0 ? 0 : 2 * shared / static_cast<double>(a.size() + b.size());
}

/// Mean over the examples of the highest `similarity` to any reference.
template <class Similarity>
double mean_best(const GeneratedTexts& generated, Similarity&& similarity) {
  if (generated.texts.size() != generated.references.size())
    throw std::logic_error("numbers of texts and reference lists differ");
  double sum = 0;
  for (std::size_t i = 0; i < generated.texts.size(); ++i) {
    const std::vector<std::string> text = normalized_words(generated.texts[i]);
    double best = 0;
    for (const std::string& reference : generated.references[i])
      best = std::max<double>(best, similarity(text, normalized_words(reference)));
    sum += best;
  }
  return generated.texts.empty() ? 0 : sum / static_cast<double>(generated.texts.size());
}

} // namespace

double squad_em(const GeneratedTexts& generated) {
  return mean_best(generated, [](const auto& text, const auto& reference) { return text == reference; });
}

double squad_f1(const GeneratedTexts& generated) {
  return mean_best(generated, word_f1);
}

} // namespace cuecard
