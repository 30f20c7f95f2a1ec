// Verbalizers that find, learn or join what they read words by, through the engine: a planted answer is found,
// a card says the same again, and beside rows of another card each row comes out as alone.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <ATen/ATen.h>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "tasks.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

Method method_of(const Model& model, const std::string& verbalizer, const Set& set, const std::string& tuner) {
  MethodChoice choice;
  choice.name = verbalizer;
  const bool rules = verbalizer == "rules";
  choice.prompt_template.set = {
      {"text", rules ? R"({text} a {"mask"} is {"mask"})" : R"({text} it was {"mask"})"}};
  choice.verbalizer = {verbalizer, set};
  choice.tuner = {tuner, {}};
  if (tuner == "prompt-tuning")
    choice.tuner.set = {{"length", "3"}};
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad", rules ? "film" : "terrible"}, {"good", rules ? "plot" : "great"}};
  choice.seed = 1;
  return make_method(model, plugins(), choice);
}

FitSettings some_steps() {
  FitSettings settings;
  settings.steps = 80;
  settings.learning_rate = 0.02;
  settings.batch_size = 16;
  settings.evaluate_every = 40;
  return settings;
}

double accuracy(const Model& model, const Method& method, const std::vector<Example>& rows) {
  const std::vector<Prediction> predictions = Predictor(model, {&method}).predict(pointers(rows));
  double right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    right += predictions[i].label() == rows[i].label;
  return right / static_cast<double>(rows.size());
}

std::vector<double> probabilities(const std::vector<Prediction>& predictions) {
  std::vector<double> all;
  for (const Prediction& prediction : predictions) {
    REQUIRE(prediction.problem == "");
    all.insert(all.end(), prediction.decision.probabilities.begin(), prediction.decision.probabilities.end());
  }
  return all;
}

void check_near(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(std::abs(found[i] - expected[i]) < 1e-5);
}

/// The card's method gives the same bits, and in a batch with another card's rows the same numbers.
void check_card(const Model& model, const Method& method, const std::vector<Example>& rows) {
  const std::vector<double> alone = probabilities(Predictor(model, {&method}).predict(pointers(rows)));
  const Method again = method_from_card(model, plugins(), to_card(method, model));
  CHECK(probabilities(Predictor(model, {&again}).predict(pointers(rows))) == alone);

  const Method other = two_label_method(model, "other", R"({text} all in all {"mask"})", "manual");
  const std::vector<double> of_other = probabilities(Predictor(model, {&other}).predict(pointers(rows)));
  std::vector<Example> mixed;
  for (const Example& row : rows)
    for (const Method* card : {&again, &other}) {
      mixed.push_back(row);
      mixed.back().card = card->name;
    }
  Predictor predictor(model, {&again, &other});
  const std::vector<double> together = probabilities(predictor.predict(pointers(mixed)));
  CHECK(predictor.counters().forwards < std::ssize(mixed) / 4);
  std::vector<double> mine, others;
  for (std::size_t i = 0; i < together.size(); ++i)
    (i / 2 % 2 == 0 ? mine : others).push_back(together[i]);
  check_near(mine, alone);
  check_near(others, of_other);
}

} // namespace

TEST_CASE("automatic: words are found before the tuner learns, and are in the card") {
  for (const char* name : {"bert-mlm", "llama-tied"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
    Method method =
        method_of(model, "automatic", {{"words-per-label", "3"}, {"calibrate", "train"}}, "prompt-tuning");
    const TrainResult result = train(model, {{method, rows, dev}}, some_steps(), 7);
    CHECK(method.parameters() == 3 * model.backbone().shape().embedding_width);
    CHECK(result.report.losses.back() < result.report.losses.front());
    CHECK(accuracy(model, method, dev) > 0.8);
    const Learned learned = method.verbalizer->export_learned();
    CHECK(std::ranges::count(learned.texts.at("words of negative"), '\n') == 2);
    CHECK(learned.texts.at("words of negative") != learned.texts.at("words of positive"));
    check_card(model, method, dev);
  }
}

TEST_CASE("soft: untrained it scores as the words' rows do, and it learns alone and beside learned rows") {
  for (const char* name : {"bert-mlm", "llama-tied"})
    for (const char* tuner : {"manual", "prompt-tuning"}) {
      CAPTURE(name);
      CAPTURE(tuner);
      const Model model = tiny_model(name);
      const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
      Method method = method_of(model, "soft", {}, tuner);
      if (std::string(name) == "llama-tied") { // whose head has no bias
        MethodChoice choice;
        choice.prompt_template.set = {{"text", R"({text} it was {"mask"})"}};
        choice.verbalizer.set = {{"multi-token-handler", "mean"}, {"post-log-softmax", "false"}};
        choice.labels = method.labels;
        choice.label_words = {{"bad"}, {"good"}};
        const Method plain = make_method(model, plugins(), choice);
        const Method untrained = method_of(model, "soft", {}, "manual");
        check_near(probabilities(Predictor(model, {&untrained}).predict(pointers(dev))),
                   probabilities(Predictor(model, {&plain}).predict(pointers(dev))));
      }
      const TrainResult result = train(model, {{method, rows, dev}}, some_steps(), 7);
      CHECK(result.report.losses.back() < 0.7 * result.report.losses.front());
      CHECK(accuracy(model, method, dev) > 0.9);
      check_card(model, method, dev);
    }
}

TEST_CASE("knowledgeable: words of a file, which the card doesn't need") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("cuecard-words-" + std::to_string(getpid()) + ".json");
  std::ofstream(file)
      << R"({"negative": ["bad", "terrible", "of", "long"], "positive": ["good", "great", "and", "the"]})";
  Method method = method_of(model, "knowledgeable",
                            {{"words", file.string()}, {"frequency", "0.1"}, {"relevance", "0.5"}}, "manual");
  const TrainResult result = train(model, {{method, rows, dev}}, some_steps(), 7);
  std::filesystem::remove(file);
  const Learned learned = method.verbalizer->export_learned();
  CHECK(learned.tensors.at("weights").numel() == method.parameters());
  CHECK(learned.tensors.at("weights").abs().sum().item<float>() > 0);
  CHECK(learned.tensors.contains("calibration"));
  CHECK(result.report.losses.back() < result.report.losses.front());
  check_card(model, method, dev);
}

TEST_CASE("prototypical: what the card is measured by are its prototypes") {
  for (const char* name : {"bert-mlm", "llama-tied"})
    for (const char* tuner : {"manual", "prompt-tuning"}) {
      CAPTURE(name);
      CAPTURE(tuner);
      const Model model = tiny_model(name);
      const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
      Method method = method_of(model, "prototypical", {{"epochs", "60"}}, tuner);
      const TrainResult result = train(model, {{method, rows, dev}}, some_steps(), 7);
      CHECK(result.dev.at(0) == accuracy(model, method, dev));
      CHECK(result.dev.at(0) > 0.9);
      CHECK((method.verbalizer->readout().kind == Readout::Kind::hidden));
      check_card(model, method, dev);
    }
}

TEST_CASE("rules: two answer slots of an example, calibrated one by one") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
  Method method = method_of(model, "rules", {{"calibrate", "blank"}}, "prompt-tuning");
  const TrainResult result = train(model, {{method, rows, dev}}, some_steps(), 7);
  CHECK(result.report.losses.back() < result.report.losses.front());
  CHECK(method.verbalizer->export_learned().tensors.at("calibration").size(0) == 2);
  check_card(model, method, dev);
  MethodChoice one_slot;
  one_slot.prompt_template.set = {{"text", R"({text} it was {"mask"})"}};
  one_slot.verbalizer.component = "rules";
  one_slot.labels = method.labels;
  one_slot.label_words = {{"bad", "film"}, {"good", "plot"}};
  CHECK_THROWS_WITH_AS(make_method(model, plugins(), one_slot),
                       doctest::Contains("has 1 answer slots, but the verbalizer \"rules\" reads 2"),
                       UsageError);
}
