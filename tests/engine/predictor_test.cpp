// Predictions are the same in any batch: alone, with mixed lengths, reordered, with examples of other cards.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include <cuecard/error.hpp>

#include "engine/guarded.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr double tolerance = 1e-4;

bool same(const Prediction& a, const Prediction& b) {
  REQUIRE(a.decision.probabilities.size() == b.decision.probabilities.size());
  for (std::size_t i = 0; i < a.decision.probabilities.size(); ++i)
    if (!(std::abs(std::log(a.decision.probabilities[i]) - std::log(b.decision.probabilities[i])) < tolerance))
      return false;
  return a.label() == b.label() || std::abs(a.decision.probabilities[0] - 0.5) < tolerance;
}

/// Templates for a family: a masked model may have text after the answer.
std::vector<std::string> templates(const Model& model) {
  if (model.shape().causal)
    return {"Review: {text} It was{\"mask\"}", "{text} {\"soft\":\"the film\"} so{\"mask\"}"};
  return {"{text} It was {\"mask\"}.", "{\"soft\"} {text} {\"soft\":\"the film\"} {\"mask\"} then"};
}

} // namespace

TEST_CASE("an example's scores don't depend on the rest of the batch") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<std::string> texts = templates(model);
    const TaskPipeline plain = two_label_pipeline(model, "plain", texts[0], "manual");
    const TaskPipeline front =
        two_label_pipeline(model, "front", texts[0], "prompt-tuning", {{"length", "7"}}, 3);
    const TaskPipeline inside = two_label_pipeline(model, "inside", texts[1], "prompt-tuning", {}, 5);
    const std::vector<const TaskPipeline*> pipelines{&plain, &front, &inside};

    for (const TaskPipeline* pipeline : pipelines) {
      CAPTURE(pipeline->name);
      const std::vector<Example> examples = word_examples(64, 11);
      Predictor all(model, {pipeline}, {64});
      const std::vector<Prediction> together = all.predict(pointers(examples));
      CHECK(all.counters().forwards == 1);
      for (std::size_t i = 0; i < examples.size(); ++i)
        CHECK(same(together[i], Predictor(model, {pipeline}).predict({&examples[i]})[0]));
      std::vector<const Example*> reversed = pointers(examples);
      std::reverse(reversed.begin(), reversed.end());
      const std::vector<Prediction> backwards = Predictor(model, {pipeline}, {5}).predict(reversed);
      for (std::size_t i = 0; i < examples.size(); ++i)
        CHECK(same(together[i], backwards[examples.size() - 1 - i]));
    }

    std::vector<Example> mixed = word_examples(30, 12);
    for (std::size_t i = 0; i < mixed.size(); ++i)
      mixed[i].card = pipelines[i % 3]->name;
    Predictor predictor(model, pipelines);
    const std::vector<Prediction> beside = predictor.predict(pointers(mixed));
    CHECK(predictor.counters().forwards == 1);
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      CHECK(beside[i].card == static_cast<int64_t>(i % 3));
      CHECK(same(beside[i], Predictor(model, {pipelines[i % 3]}).predict({&mixed[i]})[0]));
    }
  }
}

TEST_CASE("on a causal model a card's common prefix is forwarded once and then taken from the cache") {
  const Model model = tiny_model("llama-tied");
  const TaskPipeline pipeline =
      two_label_pipeline(model, "front", "Review: {text} It was{\"mask\"}", "prompt-tuning", {{"length", "9"}});
  const std::vector<Example> examples = word_examples(40, 13);
  Predictor predictor(model, {&pipeline}, {10});
  predictor.predict(pointers(examples));
  const Counters counters = predictor.counters();
  CHECK(counters.forwards == 4);
  CHECK(counters.logits_computed == 40 * 2);
  CHECK(counters.tokens_from_cache >= 30 * 9);
  Predictor alone(model, {&pipeline});
  alone.predict({&examples[0]});
  const int64_t most_tokens = 40 * (alone.counters().tokens_forwarded + 40);
  CHECK(counters.tokens_forwarded < most_tokens);
}

TEST_CASE("a card's common prefix is cached from a single example, too") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const bool causal = model.shape().causal;
    const TaskPipeline pipeline =
        two_label_pipeline(model, "front", templates(model)[0], "prompt-tuning", {{"length", "9"}});
    const std::vector<Example> examples = word_examples(2, 16);
    Predictor interactive(model, {&pipeline}), alone(model, {&pipeline});
    interactive.predict({&examples[0]});
    const Counters first = interactive.counters();
    CHECK(first.forwards == 1);
    CHECK(first.tokens_from_cache == 0);
    const Prediction second = interactive.predict({&examples[1]})[0];
    CHECK(same(second, alone.predict({&examples[1]})[0]));
    const int64_t cached = interactive.counters().tokens_from_cache;
    CHECK(interactive.counters().forwards == 2);
    CHECK(cached >= (causal ? 9 : 0));
    CHECK(cached <= (causal ? alone.counters().tokens_forwarded - 1 : 0));
    CHECK(interactive.counters().tokens_forwarded - first.tokens_forwarded ==
          alone.counters().tokens_forwarded - cached);
  }
}

namespace {

/// A verbalizer that leaves examples without a score.
class Silent final : public Verbalizer {
public:
  void prepare(const VerbalizerTarget&) override {}
  OutputRequest output_request() const override { return {OutputRequest::Kind::hidden_states, {}}; }
  Scores score(const ScoreArgs&) const override { return {at::zeros({0}), {0, 0, 0}}; }
  at::Tensor loss(const LossArgs&) const override { return {}; }
  std::vector<std::string> answer_text(int64_t) const override { return {}; }
};

} // namespace

TEST_CASE("a verbalizer that gives no scores is an error that names it, and no label is invented") {
  const Model model = tiny_model("llama-tied");
  TaskPipeline pipeline = two_label_pipeline(model, "m", "{text} so{\"mask\"}", "manual");
  pipeline.verbalizer = guarded(Component<Verbalizer>{std::make_shared<Silent>(), "quiet", "silent"});
  const std::vector<Example> examples = word_examples(2, 17);
  CHECK_THROWS_WITH_AS(Predictor(model, {&pipeline}).predict(pointers(examples)),
                       doctest::Contains("without scores"), PluginError);
}

TEST_CASE("a pipeline that chooses among labels needs some") {
  const Model model = tiny_model("llama-tied");
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text} so{\"mask\"}"}};
  CHECK_THROWS_WITH_AS(make_pipeline(model, plugins(), choice), doctest::Contains("\"labels\""), DataError);
  Card card = to_card(two_label_pipeline(model, "m", "{text} so{\"mask\"}", "manual"), model);
  card.labels.clear();
  card.label_words.clear();
  CHECK_THROWS_WITH_AS(pipeline_from_card(model, plugins(), card), doctest::Contains("\"labels\""), DataError);
}

TEST_CASE("a card's options: defaults for missing ones, one sentence for unknown ones") {
  const Model model = tiny_model("llama-tied");
  const Card card = to_card(two_label_pipeline(model, "mine", "{text} so{\"mask\"}", "manual"), model);
  Card older = card;
  older.verbalizer.options = {};
  const TaskPipeline from_older = pipeline_from_card(model, plugins(), older);
  CHECK((from_older.record.verbalizer.options.values() == card.verbalizer.options.values()));
  Card edited = card;
  edited.verbalizer.options.set("calibrat", std::string("none"));
  try {
    pipeline_from_card(model, plugins(), edited);
    FAIL("not refused");
  } catch (const DataError& error) {
    const std::string text = error.what();
    for (const char* part :
         {"\"mine\"", "verbalizer \"manual\"", "\"calibrat\"", "Did you mean \"calibrate\"?"})
      CHECK(text.find(part) != std::string::npos);
  }
  Card foreign = card;
  foreign.tuner.plugin = "elsewhere";
  CHECK_THROWS_WITH_AS(pipeline_from_card(model, plugins(), foreign), doctest::Contains("--plugin-path"),
                       PluginError);
}

TEST_CASE("examples that can't be used get a problem and do not affect the others") {
  const Model model = tiny_model("llama-tied");
  const TaskPipeline a = two_label_pipeline(model, "a", "{text} so{\"mask\"}", "manual"),
                     b = two_label_pipeline(model, "b", "{other} so{\"mask\"}", "manual");
  std::vector<Example> examples = word_examples(3, 14);
  examples[0].card = "a";
  examples[1].card = "b"; // has no field "other"
  examples[2].card = "c";
  const std::vector<Prediction> predictions = Predictor(model, {&a, &b}).predict(pointers(examples));
  CHECK(predictions[0].problem.empty());
  CHECK(predictions[0].label() >= 0);
  CHECK(predictions[1].problem.find("other") != std::string::npos);
  CHECK(predictions[2].problem.find("\"c\"") != std::string::npos);
}

TEST_CASE("fill gives the best tokens with log-probabilities over the whole vocabulary") {
  const Model model = tiny_model("bert-mlm");
  const TaskPipeline pipeline = two_label_pipeline(model, "m", "{text} It was {\"mask\"}.", "manual");
  const std::vector<Example> examples = word_examples(4, 15);
  const auto filled = Predictor(model, {&pipeline}).fill(pointers(examples), model.shape().vocabulary);
  for (const auto& slots : filled) {
    REQUIRE(slots.size() == 1);
    double sum = 0;
    for (const double log_prob : slots[0].log_probs)
      sum += std::exp(log_prob);
    CHECK(sum == doctest::Approx(1.0).epsilon(1e-4));
    CHECK(std::is_sorted(slots[0].log_probs.rbegin(), slots[0].log_probs.rend()));
  }
}
