// Families without available weights: a tiny model of each is trained for two skills, each after a key word of
// its own, and generalises to texts that it has not seen. A soft prompt that is trained on texts without that
// word then selects one of the two skills of the frozen model.
#include <algorithm>
#include <array>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "taught_model.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// One token each, except for RoBERTa.
const std::vector<std::string> words{"actor", "scene", "story",  "review", "good",
                                     "great", "bad",   "boring", "never",  "always"};

/// Three different words, as indices of `words`.
using Text = std::array<std::size_t, 3>;

/// All of them, in an order drawn from the seed.
std::vector<Text> texts() {
  std::vector<Text> all;
  for (std::size_t i = 0; i < words.size(); ++i)
    for (std::size_t j = 0; j < words.size(); ++j)
      for (std::size_t k = 0; k < words.size(); ++k)
        if (i != j && j != k && i != k)
          all.push_back({i, j, k});
  std::vector<Text> drawn;
  for (const int64_t index : Random(61 + test_seed()).permutation(std::ssize(all)))
    drawn.push_back(all[static_cast<std::size_t>(index)]);
  return drawn;
}

/// After "so" a text is repeated as it is, or its first word fills the mask; after "it" it is repeated in
/// reverse, or its last word fills the mask.
const std::array<std::string, 2> keys{"so", "it"};

void add(std::vector<Example>& examples, Text text, std::size_t skill) {
  const auto spoken = [&]() { return words[text[0]] + " " + words[text[1]] + " " + words[text[2]]; };
  Example& example = examples.emplace_back();
  example.fields["text"] = spoken();
  example.fields["key"] = keys[skill];
  if (skill == 1)
    std::ranges::reverse(text);
  example.answers = {spoken()};
  example.label = static_cast<int64_t>(text[0]);
}

TaskPipeline pipeline_on(const Model& model, const std::string& front, const std::string& tuner,
                         std::vector<std::pair<std::string, std::string>> options = {}, uint64_t seed = 0) {
  PipelineChoice choice;
  choice.name = "m";
  choice.tuner = {tuner, std::move(options)};
  choice.seed = seed;
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
  return make_pipeline(model, plugins(), choice);
}

/// Trains until the loss of the last twenty or so steps is next to nothing, or for `steps` steps.
void train_until_solved(const Model& model, TaskPipeline& pipeline, const std::vector<Example>& examples,
                        int64_t steps, double learning_rate, uint64_t seed) {
  double recent = 1;
  train(model, {{pipeline, examples, {}}}, steps_of(steps, 32, learning_rate), seed,
        [&](int64_t, int64_t, double loss, double) {
          recent += 0.05 * (loss - recent);
          return recent > 0.03;
        });
}

double share_right(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& rows) {
  const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(rows));
  int64_t right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    right += model.backbone().shape().encoder_decoder ? predictions[i].decision.text == rows[i].answers[0]
                                                      : predictions[i].label() == rows[i].label;
  return static_cast<double>(right) / static_cast<double>(rows.size());
}

} // namespace

TEST_CASE("tiny models learn to copy, to reverse and to fill a mask by a hidden rule, and a trained prompt "
          "selects the skill") {
  at::set_num_threads(1); // products this small gain nothing from more
  const std::vector<Text> all = texts();
  std::vector<Example> lessons, seen[2], unseen[2];
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const std::size_t skill : {0, 1}) {
      add(i < 120 ? unseen[skill] : seen[skill], all[i], skill);
      if (i >= 120)
        add(lessons, all[i], skill);
    }
  for (const std::string name : {"t5-plain", "t5-gated", "bart", "bert-mlm", "roberta-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    TaskPipeline taught = pipeline_on(model, "{key} ", "fine-tuning");
    train_until_solved(model, taught, lessons, 3000, 3e-3, 1 + test_seed());
    const TaughtModel weights(name, model, taught.tuner->replaced_weights());
    const Model knowing = weights.load();
    double with_key[2], without_key[2];
    for (const std::size_t skill : {0, 1}) {
      with_key[skill] = share_right(knowing, pipeline_on(knowing, keys[skill] + " ", "manual"), unseen[skill]);
      without_key[skill] = share_right(knowing, pipeline_on(knowing, "", "manual"), unseen[skill]);
      CHECK(with_key[skill] > 0.5); // by chance one text in 720, one word in 10
    }

    // No answer shows both skills, so without a key one of them answers at most half of the texts. Soft tokens
    // in the key's place, as many as its tokens, could be the key itself: a prompt that works exists.
    const std::size_t skill = without_key[0] < without_key[1] ? 0 : 1;
    const std::string slots = std::to_string(knowing.vocabulary().encode(keys[skill]).size());
    double best = -1, with_prompt = 0; // the best of several starts on the texts it was trained on
    for (uint64_t seed = 1; seed <= 5 && best < 0.8; ++seed) {
      TaskPipeline prompt = pipeline_on(knowing, "{\"soft\": None, \"duplicate\": " + slots + "} ",
                                        "prompt-tuning", {}, seed + test_seed());
      train_until_solved(knowing, prompt, seen[skill], 400, 0.1, seed + test_seed());
      if (const double own = share_right(knowing, prompt, seen[skill]); own > best) {
        best = own;
        with_prompt = share_right(knowing, prompt, unseen[skill]);
      }
    }
    CAPTURE(without_key[skill]);
    CAPTURE(with_key[skill]);
    CHECK(with_prompt > (without_key[skill] + with_key[skill]) / 2); // closer to the key's effect
  }
}
