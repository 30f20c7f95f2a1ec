// Trained prefixes and encoded soft prompts through the engine: they are trained, share batches with other
// cards, serve several tasks, and are the same after reloading from a card.
#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>

#include <cuecard/parts/training/trainable_prefix.hpp>

#include "card/card.hpp"
#include "model/test_folder.hpp"
#include "tasks.hpp"
#include "training_runs.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

struct Choice {
  const char* tuner;
  Set options;
};

/// All tuners of this file, small.
const std::vector<Choice>& choices() {
  static const std::vector<Choice> all{
      {"prefix-tuning", {{"length", "5"}, {"mid-dim", "16"}}},
      {"prefix-tuning", {{"length", "3"}, {"projection", "false"}, {"count-positions", "false"}}},
      {"p-tuning-v2", {{"length", "6"}}},
      {"p-tuning-v2", {{"length", "2"}, {"projection", "true"}, {"prefix-hidden", "8"}}},
      {"p-tuning", {{"length", "4"}}},
      {"p-tuning", {{"encoder", "mlp"}}},
  };
  return all;
}

std::string text_for(const Model& model) {
  return model.shape().causal ? "{text} It was{\"mask\"}" : "{text} It was {\"mask\"}.";
}

bool same(const Prediction& a, const Prediction& b, double tolerance = 1e-4) {
  REQUIRE(a.problem.empty());
  REQUIRE(b.problem.empty());
  for (std::size_t i = 0; i < a.decision.probabilities.size(); ++i)
    if (!(std::abs(std::log(a.decision.probabilities[i]) - std::log(b.decision.probabilities[i])) < tolerance))
      return false;
  return true;
}

FitRequest quick(int64_t steps) {
  FitRequest request = steps_of(steps, 8, 0.01);
  request.optimizer = "adamw";
  request.schedule = "linear";
  return request;
}

/// The card, written and read again, predicts the same bit for bit.
void check_card(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& rows) {
  const TestFolder folder;
  save_card(to_card(pipeline, model), folder.path() / "m.card");
  const TaskPipeline back = pipeline_from_card(model, plugins(), read_card(folder.path() / "m.card"));
  const auto before = Predictor(model, {&pipeline}).predict(pointers(rows)),
             after = Predictor(model, {&back}).predict(pointers(rows));
  for (std::size_t i = 0; i < rows.size(); ++i)
    CHECK(before[i].decision.probabilities == after[i].decision.probabilities);
}

} // namespace

TEST_CASE("each learns a planted rule, and its card reproduces it") {
  for (const char* name : {"llama-untied", "bert-mlm"}) {
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(48, 41);
    for (const Choice& choice : choices()) {
      CAPTURE(name);
      CAPTURE(choice.tuner);
      CAPTURE(choice.options.size());
      TaskPipeline pipeline = two_label_pipeline(model, "m", text_for(model), choice.tuner, choice.options);
      const TrainResult result = train(model, {{pipeline, examples, {}}}, quick(40), 1);
      CHECK(mean_of(result.report.losses, 34, 6) < mean_of(result.report.losses, 0, 6) - 0.05f);
      check_card(model, pipeline, examples);
    }
  }
}

TEST_CASE(
    "cards with prefixes, soft prompts or nothing trained predict the same in one forward pass as alone") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    std::vector<TaskPipeline> pipelines;
    for (std::size_t i = 0; i < choices().size(); ++i)
      pipelines.push_back(two_label_pipeline(model, "card" + std::to_string(i), text_for(model),
                                             choices()[i].tuner, choices()[i].options, 10 + i));
    pipelines.push_back(
        two_label_pipeline(model, "rows", text_for(model), "prompt-tuning", {{"length", "7"}}, 3));
    pipelines.push_back(two_label_pipeline(model, "plain", text_for(model), "manual"));
    std::vector<const TaskPipeline*> all;
    for (const TaskPipeline& pipeline : pipelines)
      all.push_back(&pipeline);

    std::vector<Example> mixed = word_examples(40, 42);
    for (std::size_t i = 0; i < mixed.size(); ++i)
      mixed[i].card = pipelines[i % pipelines.size()].name;
    Predictor predictor(model, all, {64});
    const std::vector<Prediction> together = predictor.predict(pointers(mixed));
    CHECK(predictor.counters().forwards == 1);
    const std::vector<Prediction> again =
        predictor.predict(pointers(mixed)); // common prefixes come from the cache now
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      CAPTURE(i % pipelines.size());
      const Prediction alone = Predictor(model, {all[i % all.size()]}).predict({&mixed[i]})[0];
      CHECK(same(together[i], alone));
      CHECK(same(again[i], alone));
    }
    // Each of them has an effect on the model.
    Example bare = mixed[pipelines.size() - 1];
    bare.card.clear();
    const Prediction plain = Predictor(model, {all.back()}).predict({&bare})[0];
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      CAPTURE(i);
      CHECK(!same(Predictor(model, {all[i]}).predict({&bare})[0], plain, 1e-3));
    }
  }
}

TEST_CASE("several tasks train one prefix, and each card reproduces its task") {
  for (const char* tuner : {"p-tuning-v2", "prefix-tuning"}) {
    CAPTURE(tuner);
    const Model model = tiny_model("bert-mlm");
    TaskPipeline first =
        two_label_pipeline(model, "first", "{text} It was {\"mask\"}.", tuner, {{"length", "8"}});
    TaskPipeline second = two_label_pipeline(model, "second", "So {\"mask\"}: {text}", "manual");
    second.tuner = first.tuner;
    second.record.tuner = first.record.tuner;
    second.task = 1;
    const std::vector<Example> one = word_examples(32, 43), two = word_examples(32, 44);
    const ComponentState before = first.tuner->state(0);
    const auto loss_of = [&](const TaskPipeline& pipeline, const std::vector<Example>& rows) {
      double loss = 0;
      const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(rows));
      for (std::size_t i = 0; i < rows.size(); ++i)
        loss -= std::log(predictions[i].decision.probabilities[static_cast<std::size_t>(rows[i].label)]);
      return loss / static_cast<double>(rows.size());
    };
    const double first_before = loss_of(first, one), second_before = loss_of(second, two);
    const TrainResult result = train(model, {{first, one, {}}, {second, two, {}}}, quick(40), 1);
    CHECK(result.report.steps == 40);
    CHECK(result.examples_seen == 2 * 40 * 8);
    CHECK(loss_of(first, one) < first_before - 0.05);
    CHECK(loss_of(second, two) < second_before - 0.05);
    const ComponentState of_first = first.tuner->state(0), of_second = second.tuner->state(1);
    CHECK(!at::equal(of_first.tensors.at("self.key"), before.tensors.at("self.key")));
    CHECK(at::equal(of_first.tensors.at("self.key"), of_second.tensors.at("self.key")));
    CHECK(at::equal(of_first.tensors.at("self.value"), of_second.tensors.at("self.value")));
    check_card(model, first, one);
    check_card(model, second, two);
  }
}

TEST_CASE("a prefix initialised from words equals those words before the text") {
  const Model model = tiny_model("llama-tied");
  const std::string words = "All of the plot."; // the text after it shares no token with it
  const std::string tokens = std::to_string(model.vocabulary().encode(words).size());
  const TaskPipeline written =
      two_label_pipeline(model, "written", words + "{text} It was{\"mask\"}", "manual");
  const std::vector<Example> examples = word_examples(12, 45);
  const std::vector<Prediction> expected = Predictor(model, {&written}).predict(pointers(examples));
  for (const bool projection : {true, false}) {
    CAPTURE(projection);
    std::vector<std::pair<std::string, std::string>> options{{"init", "text"},
                                                             {"init-text", words},
                                                             {"length", tokens},
                                                             {"projection", projection ? "true" : "false"}};
    if (projection)
      options.emplace_back("mid-dim", "32");
    const TaskPipeline prefix =
        two_label_pipeline(model, "prefix", "{text} It was{\"mask\"}", "prefix-tuning", options);
    const std::vector<Prediction> predictions = Predictor(model, {&prefix}).predict(pointers(examples));
    for (std::size_t i = 0; i < examples.size(); ++i)
      CHECK(same(predictions[i], expected[i], 1e-3));
  }
}

TEST_CASE("prefixes of an encoder-decoder are initialised from words at all three sites") {
  const Model model = tiny_model("t5-gated");
  const auto start = [&](const char* init) {
    return two_label_pipeline(model, init, "{text} so {\"mask\"}", "prefix-tuning",
                              {{"init", init}, {"init-text", "good film"}, {"length", "4"}, {"mid-dim", "16"}})
        .tuner->state(0);
  };
  const std::vector<Token> tokens = model.vocabulary().encode("good film");
  std::vector<int64_t> ids;
  for (std::size_t i = 0; i < 4; ++i)
    ids.push_back(tokens[i % tokens.size()].id);
  const ComponentState words = start("text");
  for (const auto& [site, name] :
       {std::pair{PrefixSite::self, "self"}, std::pair{PrefixSite::encoder, "encoder"},
        std::pair{PrefixSite::cross, "cross"}}) {
    CAPTURE(name);
    const Prefix wanted = keys_and_values(model.backbone(), at::tensor(ids, at::kLong), site);
    CHECK(at::allclose(words.tensors.at(std::string(name) + ".key"), wanted.key, 1e-3, 1e-4));
    CHECK(at::allclose(words.tensors.at(std::string(name) + ".value"), wanted.value, 1e-3, 1e-4));
  }
}

TEST_CASE("directly trained prefixes start from words, reparametrised ones from random numbers") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = word_examples(4, 46);
  const auto start = [&](const char* init, const char* projection) {
    PipelineChoice choice;
    choice.prompt_template.set = {{"text", "{text} It was{\"mask\"}"}};
    choice.tuner = {"prefix-tuning", {{"init", init}, {"projection", projection}}};
    choice.labels = {"negative", "positive"};
    choice.label_words = {{"bad"}, {"good"}};
    return make_pipeline(model, plugins(), choice, &rows).tuner->state(0).tensors.at("self.key");
  };
  CHECK(at::equal(start("auto", "false"), start("text", "false")));
  CHECK(at::equal(start("auto", "true"), start("random", "true")));
  CHECK(!at::equal(start("text", "false"), start("random", "false")));
}

TEST_CASE("texts are truncated so that a prefix that counts as positions fits") {
  const Model model = tiny_model("bert-mlm");
  Example longer;
  for (int i = 0; i < 100; ++i)
    longer.fields["text"] += "good ";
  longer.label = 0;
  const auto tokens_for = [&](const char* counted) {
    const TaskPipeline pipeline = two_label_pipeline(model, "m", text_for(model), "p-tuning-v2",
                                                     {{"length", "20"}, {"count-positions", counted}});
    Predictor predictor(model, {&pipeline});
    CHECK(predictor.predict({&longer})[0].problem.empty());
    return predictor.counters().tokens_forwarded;
  };
  CHECK(tokens_for("true") == model.shape().max_positions - 20);
  CHECK(tokens_for("false") == model.shape().max_positions);
}
