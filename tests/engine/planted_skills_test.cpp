// Families of which there are no weights to be had: a tiny model of each is taught two skills, each behind a
// word of its own, and generalises to texts that it has not seen. A prompt that is learned from texts without
// that word then asks the frozen model for one of the two.
#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "taught_model.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

const std::vector<std::string> words{"the", "film", "was", "good", "a", "plot", "of", "long", "and", "bad"};

/// Three different words. Behind "so" they are said as they stand, or the first fills the mask; behind "it"
/// they are said backwards, or the last fills the mask.
std::vector<Example> texts(int64_t count, uint64_t seed, bool always_backwards) {
  Random random(seed);
  std::vector<Example> examples(static_cast<std::size_t>(count));
  for (Example& example : examples) {
    std::vector<int64_t> drawn = random.permutation(std::ssize(words));
    drawn.resize(3);
    const auto said = [&]() {
      std::string text;
      for (const int64_t word : drawn)
        text += (text.empty() ? "" : " ") + words[static_cast<std::size_t>(word)];
      return text;
    };
    example.fields["text"] = said();
    const bool backwards = always_backwards || random.below(2) == 1;
    example.fields["key"] = backwards ? "it" : "so";
    if (backwards)
      std::reverse(drawn.begin(), drawn.end());
    example.answers = {said()};
    example.label = drawn[0];
  }
  return examples;
}

Method method_on(const Model& model, const std::string& front, const std::string& tuner,
                 std::vector<std::pair<std::string, std::string>> options = {}) {
  MethodChoice choice;
  choice.name = "m";
  choice.tuner = {tuner, std::move(options)};
  if (model.backbone().shape().encoder_decoder) {
    choice.prompt_template.set = {{"text", front + "{text} {\"mask\"}"}, {"predict-eos", "true"}};
    choice.verbalizer = {"text", {{"max-new-tokens", "16"}}};
  } else {
    choice.prompt_template.set = {{"text", front + "{text} {\"mask\"}"}};
    choice.labels = words;
    choice.verbalizer.set = {{"multi-token-handler", "mean"}}; // tiny vocabularies have few whole words
    for (const std::string& word : words)
      choice.label_words.push_back({word});
  }
  return make_method(model, plugins(), choice);
}

double share_right(const Model& model, const Method& method, const std::vector<Example>& rows) {
  const std::vector<Prediction> predictions = Predictor(model, {&method}).predict(pointers(rows));
  int64_t right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    right += model.backbone().shape().encoder_decoder ? predictions[i].decision.text == rows[i].answers[0]
                                                      : predictions[i].label() == rows[i].label;
  return static_cast<double>(right) / static_cast<double>(rows.size());
}

} // namespace

TEST_CASE("tiny models learn to copy, to reverse and to fill a mask by a hidden rule, and a learned prompt "
          "picks the skill") {
  at::set_num_threads(1); // products this small gain nothing from more
  for (const std::string name : {"t5-plain", "t5-gated", "bart", "bert-mlm", "roberta-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    Method taught = method_on(model, "{key} ", "fine-tuning");
    train(model, {{taught, texts(600, 61, false), {}}}, steps_of(3000, 32, 3e-3), 1);
    const std::vector<Example> fresh = texts(100, 62, false), backwards = texts(100, 63, true);
    CHECK(share_right(model, taught, fresh) > 0.5); // by chance one text in 720, one word in 10

    const TaughtModel weights(name, model, taught.tuner->replaced_weights());
    const Model knowing = weights.load();
    const double unasked = share_right(knowing, method_on(knowing, "", "manual"), backwards);
    Method asking = method_on(knowing, "", "prompt-tuning", {{"length", "1"}});
    train(knowing, {{asking, texts(100, 64, true), {}}}, steps_of(150, 32, 0.1), 1);
    const double asked = share_right(knowing, asking, backwards);
    CAPTURE(unasked);
    CHECK(asked > 0.5);
    CHECK(asked > unasked + 0.1);
  }
}
