#include <algorithm>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string_view>

#include "metrics/python_strings.hpp"
#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

bool is_article(std::string_view word) {
  return word == "a" || word == "an" || word == "the";
}

/// `text` with a blank for each article. Articles are matched at word boundaries, so also beside a dash or a
/// combining mark.
std::string without_articles(const std::string& text) {
  std::string kept, run;
  const auto end_run = [&] {
    kept += is_article(run) ? " " : run;
    run.clear();
  };
  for (const std::string_view character : characters_of(text)) {
    if (is_word_character(character)) {
      run += character;
      continue;
    }
    end_run();
    kept += character;
  }
  end_run();
  return kept;
}

/// `normalize_answer` of SQuAD's evaluation script, split at blanks.
std::vector<std::string> normalized_words(const std::string& text) {
  constexpr std::string_view punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
  std::string kept = lower_case(text);
  std::erase_if(kept, [&](char c) { return punctuation.find(c) != punctuation.npos; });
  return split_at_blanks(without_articles(kept));
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

bool has_no_answer(const std::vector<std::string>& references) {
  return references == std::vector<std::string>{""};
}

/// Mean over the examples of the highest `similarity` to any reference.
template <class Similarity>
double mean_best(const GeneratedTexts& generated, Similarity&& similarity) {
  if (generated.texts.size() != generated.references.size())
    throw std::logic_error("numbers of texts and reference lists differ");
  double sum = 0;
  for (std::size_t i = 0; i < generated.texts.size(); ++i) {
    const std::vector<std::string> text = normalized_words(generated.texts[i]);
    double best = has_no_answer(generated.references[i]) && text.empty();
    for (const std::string& reference : generated.references[i])
      best = std::max<double>(best, similarity(text, normalized_words(reference)));
    sum += best;
  }
  return generated.texts.empty() ? 0 : sum / static_cast<double>(generated.texts.size());
}

} // namespace

ByAnswer by_answer(const GeneratedTexts& generated) {
  if (generated.texts.size() != generated.references.size())
    throw std::logic_error("numbers of texts and reference lists differ");
  ByAnswer parts;
  for (std::size_t i = 0; i < generated.texts.size(); ++i) {
    GeneratedTexts& part = has_no_answer(generated.references[i]) ? parts.no_answer : parts.has_answer;
    part.texts.push_back(generated.texts[i]);
    part.references.push_back(generated.references[i]);
  }
  return parts;
}

double squad_em(const GeneratedTexts& generated) {
  return mean_best(generated, [](const auto& text, const auto& reference) { return text == reference; });
}

double squad_f1(const GeneratedTexts& generated) {
  return mean_best(generated, word_f1);
}

} // namespace cuecard
