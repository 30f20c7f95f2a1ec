/// Small tasks on the tiny models, for tests of the engine.
#pragma once

#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include <cuecard/parts/random.hpp>

#include "../parity/recorded.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/task_pipeline.hpp"
#include "engine/train/train.hpp"

namespace cuecard::test {

/// Added to the seeds of tests that train: what they check must not depend on the seed, nor on a processor's
/// rounding. tests/processors sets it.
inline uint64_t test_seed() {
  const char* text = std::getenv("CUECARD_TEST_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 0;
}

/// A pipeline of two labels on `model`. Options as in `--set`.
inline TaskPipeline
two_label_pipeline(const Model& model, const std::string& name, const std::string& text,
                   const std::string& tuner,
                   std::vector<std::pair<std::string, std::string>> tuner_options = {}, uint64_t seed = 1,
                   std::vector<std::pair<std::string, std::string>> verbalizer_options = {}) {
  PipelineChoice choice;
  choice.name = name;
  choice.prompt_template.set = {{"text", text}};
  choice.tuner = {tuner, std::move(tuner_options)};
  choice.verbalizer.set = std::move(verbalizer_options);
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  choice.seed = seed + test_seed();
  return make_pipeline(model, plugins(), choice);
}

inline FitRequest steps_of(int64_t count, int64_t batch_size, double learning_rate) {
  FitRequest request;
  request.steps = count;
  request.batch_size = batch_size;
  request.learning_rate = learning_rate;
  return request;
}

/// Examples of 1 to 12 words drawn from few; the label is whether "good" is among them.
inline std::vector<Example> word_examples(int64_t count, uint64_t seed) {
  const std::vector<std::string> words{"the", "film", "was", "good", "a", "plot", "of", "long", "and", "x7"};
  Random random(seed + test_seed());
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
  Random random(seed + test_seed());
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

/// The decrease in mean loss from the first quarter of a run's steps to the last. Single steps see few
/// examples.
inline double loss_fall(const FitReport& report) {
  const auto quarter = std::ssize(report.losses) / 4;
  const auto sum = [&](auto begin) { return std::accumulate(begin, begin + quarter, 0.0); };
  return (sum(report.losses.begin()) - sum(report.losses.end() - quarter)) / static_cast<double>(quarter);
}

inline std::vector<const Example*> pointers(const std::vector<Example>& examples) {
  std::vector<const Example*> result;
  for (const Example& example : examples)
    result.push_back(&example);
  return result;
}

} // namespace cuecard::test
