/// Small tasks on the tiny models, for tests of the engine.
#pragma once

#include <string>
#include <vector>

#include <cuecard/parts/random.hpp>

#include "../parity/recorded.hpp"
#include "engine/method.hpp"
#include "engine/predictor.hpp"
#include "engine/train.hpp"

namespace cuecard::test {

/// A method of two labels on `model`. Options as in `--set`.
inline Method two_label_method(const Model& model, const std::string& name, const std::string& text,
                               const std::string& tuner,
                               std::vector<std::pair<std::string, std::string>> tuner_options = {},
                               uint64_t seed = 1,
                               std::vector<std::pair<std::string, std::string>> verbalizer_options = {}) {
  MethodChoice choice;
  choice.name = name;
  choice.prompt_template.set = {{"text", text}};
  choice.tuner = {tuner, std::move(tuner_options)};
  choice.verbalizer.set = std::move(verbalizer_options);
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  choice.seed = seed;
  return make_method(model, plugins(), choice);
}

inline FitSettings steps_of(int64_t count, int64_t batch_size, double learning_rate) {
  FitSettings settings;
  settings.steps = count;
  settings.batch_size = batch_size;
  settings.learning_rate = learning_rate;
  return settings;
}

/// Examples of 1 to 12 words drawn from few; the label is whether "good" is among them.
inline std::vector<Example> word_examples(int64_t count, uint64_t seed) {
  const std::vector<std::string> words{"the", "film", "was", "good", "a", "plot", "of", "long", "and", "x7"};
  Random random(seed);
  std::vector<Example> examples(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    std::string text;
    for (uint64_t n = 1 + random.below(12); n > 0; --n)
      text += (text.empty() ? "" : " ") + words[random.below(words.size())];
    examples[i].fields["text"] = text;
    examples[i].label = text.find("good") != std::string::npos;
    examples[i].line = static_cast<int64_t>(i) + 1;
  }
  return examples;
}

/// A verdict four times among one to three other words; it is the label.
inline std::vector<Example> verdicts(int64_t count, uint64_t seed) {
  const std::vector<std::string> others{"the", "film", "and", "plot"};
  Random random(seed);
  std::vector<Example> examples(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    examples[i].label = static_cast<int64_t>(random.below(2));
    std::vector<std::string> words(4, examples[i].label ? "good" : "terrible");
    for (uint64_t n = 1 + random.below(3); n > 0; --n)
      words.push_back(others[random.below(others.size())]);
    for (const int64_t word : random.permutation(std::ssize(words)))
      examples[i].fields["text"] += words[static_cast<std::size_t>(word)] + " ";
    examples[i].line = static_cast<int64_t>(i) + 1;
  }
  return examples;
}

inline std::vector<const Example*> pointers(const std::vector<Example>& examples) {
  std::vector<const Example*> result;
  for (const Example& example : examples)
    result.push_back(&example);
  return result;
}

} // namespace cuecard::test
