// Several labels for one example, through the engine: planted labels are found with a head, trained vectors and label words; scores
// and threshold against direct computation; components that can't give an example several labels report an error.
#include <ATen/ATen.h>

#include <cmath>

#include <cuecard/error.hpp>

#include "engine/train/dev_metric.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

/// Each of two words is present or absent, and so is its label: all four combinations occur.
std::vector<Example> examples_of(int64_t count, uint64_t seed) {
  Random random(seed + test_seed());
  std::vector<Example> examples(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    Example& example = examples[i];
    example.label_set.emplace();
    std::vector<std::string> words(1 + random.below(3), "the");
    for (const auto& [label, word] : {std::pair(0, "plot"), {1, "film"}})
      if (random.below(2) == 1) {
        words.insert(words.end(), 3, word);
        example.label_set->push_back(label);
      }
    for (const int64_t word : random.permutation(std::ssize(words)))
      example.fields["text"] += words[static_cast<std::size_t>(word)] + " ";
    example.line = static_cast<int64_t>(i) + 1;
  }
  return examples;
}

PipelineChoice choice_of(const Model& model, const std::string& verbalizer, const Set& options,
                         const std::string& tuner = "prompt-tuning") {
  PipelineChoice choice;
  choice.name = "m";
  choice.prompt_template.set = {
      {"text", model.shape().causal ? R"({text} it was{"mask"})" : R"({text} it was {"mask"})"}};
  choice.verbalizer = {verbalizer, options};
  choice.tuner = {tuner, {}};
  if (tuner == "prompt-tuning")
    choice.tuner.set = {{"length", "3"}};
  choice.labels = {"story", "work", "never"};
  choice.label_words = {{"bad"}, {"good", "long"}, {"x7"}};
  choice.multi_label = true;
  choice.seed = 1 + test_seed();
  return choice;
}

/// Micro-F1 of "probability >= threshold", counted directly.
double f1_at(double threshold, const std::vector<Prediction>& predictions,
             const std::vector<Example>& examples) {
  double found = 0, predicted = 0, gold = 0;
  for (std::size_t i = 0; i < examples.size(); ++i)
    for (int64_t label = 0; label < 3; ++label) {
      const bool on = predictions[i].decision.probabilities[static_cast<std::size_t>(label)] >= threshold;
      const bool right = std::ranges::find(*examples[i].label_set, label) != examples[i].label_set->end();
      found += on && right;
      predicted += on;
      gold += right;
    }
  return 2 * found / (predicted + gold);
}

} // namespace

TEST_CASE("planted labels are found, the threshold is the best on the development set, and the card has it") {
  for (const auto& [name, verbalizer, options] :
       {std::tuple<const char*, const char*, Set>{"bert-mlm", "head", {{"dropout", "0"}}},
        {"bert-mlm", "soft", {}},
        {"bert-mlm", "manual", {{"calibrate", "blank"}}},
        {"bert-mlm", "manual", {}},
        {"llama-tied", "manual", {{"multi-token-handler", "joint"}}}}) {
    CAPTURE(name);
    CAPTURE(verbalizer);
    const Model model = tiny_model(name);
    const std::vector<Example> rows = examples_of(128, 1), dev = examples_of(48, 2);
    TaskPipeline pipeline = make_pipeline(model, plugins(), choice_of(model, verbalizer, options));
    CHECK((pipeline.predicts() == Predicts::label_sets));
    CHECK(pipeline.metric == "micro-f1");
    FitRequest request = steps_of(240, 16, 0.05);
    request.evaluate_every = 60;
    const TrainResult result = train(model, {{pipeline, rows, dev}}, request, 7);
    CHECK(loss_fall(result.report) > 0);
    const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(dev));
    double best = 0;
    for (const Prediction& prediction : predictions)
      for (const double each : prediction.decision.probabilities)
        best = std::max(best, f1_at(each, predictions, dev));
    const double threshold = pipeline.verbalizer->state().tensors.at("threshold").item<double>();
    CHECK(f1_at(threshold, predictions, dev) == doctest::Approx(best).epsilon(1e-9));
    CHECK(result.dev.at(0) == doctest::Approx(best).epsilon(1e-9)); // evaluated with the card's threshold
    CHECK(best > 0.75);
    for (const Prediction& prediction : predictions)
      for (int64_t label = 0; label < 3; ++label)
        CHECK(std::ranges::binary_search(prediction.decision.labels, label) ==
              (prediction.decision.probabilities[static_cast<std::size_t>(label)] >= threshold));

    const Card card = to_card(pipeline, model);
    CHECK(card.multi_label);
    const TaskPipeline again = pipeline_from_card(model, plugins(), card);
    const std::vector<Prediction> repeated = Predictor(model, {&again}).predict(pointers(dev));
    for (std::size_t i = 0; i < dev.size(); ++i) {
      CHECK(repeated[i].decision.labels == predictions[i].decision.labels);
      CHECK(repeated[i].decision.probabilities == predictions[i].decision.probabilities);
    }
  }
}

TEST_CASE(
    "label words: a label's logit is the mean over its words of log p over the vocabulary, less that without a text") {
  for (const char* name : {"bert-mlm", "llama-tied"})
    for (const bool calibrate : {false, true}) {
      CAPTURE(name);
      CAPTURE(calibrate);
      const Model model = tiny_model(name);
      PipelineChoice choice =
          choice_of(model, "manual", {{"calibrate", calibrate ? "blank" : "none"}}, "manual");
      TaskPipeline pipeline = make_pipeline(model, plugins(), choice);
      fit_verbalizer(model, pipeline, {}, {});
      std::vector<Example> examples = examples_of(5, 3);
      examples.emplace_back().fields["text"] = ""; // the content-free input
      // log p of every token at the answer slot, from another pipeline's `fill`.
      std::vector<SlotTokens> slots;
      for (const auto& slot : Predictor(model, {&pipeline}).fill(pointers(examples), model.vocabulary().size()))
        slots.push_back(slot.at(0));
      const auto log_prob = [&](std::size_t example, const std::string& word) {
        const int64_t id = model.vocabulary().encode(" " + word).at(0).id;
        const auto at = std::ranges::find(slots[example].ids, id) - slots[example].ids.begin();
        return slots[example].log_probs[static_cast<std::size_t>(at)];
      };
      const auto reference = [&](const std::string& word) {
        return calibrate ? log_prob(5, word) : -std::log(static_cast<double>(model.shape().vocabulary));
      };
      const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(examples));
      for (std::size_t i = 0; i < 5; ++i)
        for (std::size_t label = 0; label < 3; ++label) {
          double logit = 0;
          for (const std::string& word : choice.label_words[label])
            logit +=
                (log_prob(i, word) - reference(word)) / static_cast<double>(choice.label_words[label].size());
          CHECK(predictions[i].decision.probabilities.at(label) ==
                doctest::Approx(1 / (1 + std::exp(-logit))).epsilon(1e-4));
        }
    }
}

TEST_CASE("what gives an example one label refuses a task with several") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = examples_of(16, 4);
  PipelineChoice of_words = choice_of(model, "words", {}, "manual");
  CHECK_THROWS_WITH_AS(make_pipeline(model, plugins(), of_words),
                       doctest::Contains("the verbalizer \"words\" predicts one: use \"manual\""), UsageError);
  PipelineChoice variants = choice_of(model, "manual", {}, "manual");
  variants.prompt_template.set = {{"text", R"({text} it was {"mask"}{"variant"}{text} so {"mask"})"}};
  const TaskPipeline ensemble = make_pipeline(model, plugins(), variants);
  CHECK_THROWS_WITH_AS(Predictor(model, {&ensemble}).predict(pointers(rows)),
                       doctest::Contains("use one variant of the template"), UsageError);
  PipelineChoice one_label = choice_of(model, "manual", {}, "manual");
  one_label.multi_label = false;
  const TaskPipeline single = make_pipeline(model, plugins(), one_label);
  CHECK_THROWS_WITH_AS(require_answer(single, rows[0]), doctest::Contains("it has no label"), DataError);
}
