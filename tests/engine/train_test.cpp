// Training: the loss falls, text before the soft prompt is computed once, the best state is kept, and a card
// reproduces the pipeline.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "engine/tokenized_example.hpp"
#include "model/test_folder.hpp"
#include "scripted_tuner.hpp"
#include "tasks.hpp"
#include "training_runs.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr const char* plain = "{text} It was{\"mask\"}";
constexpr const char* with_soft_tokens = "{text} {\"soft\":\"the film was\"} so{\"mask\"}";

} // namespace

TEST_CASE("prompt tuning learns a planted rule on every tiny model") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    TaskPipeline pipeline = two_label_pipeline(
        model, "m", std::string(name).starts_with("bert") ? "{text} It was {\"mask\"}." : plain,
        "prompt-tuning");
    const std::vector<Example> examples = word_examples(48, 21);
    const TrainResult result = train(model, {{pipeline, examples, {}}}, few_steps(40), 1);
    REQUIRE(result.report.losses.size() == 40);
    CHECK(mean_of(result.report.losses, 34, 6) < mean_of(result.report.losses, 0, 6) - 0.05f);
    CHECK(pipeline.parameters() == 20 * model.shape().embedding_width);
  }
}

TEST_CASE("text before the soft prompt is forwarded once, and nothing else changes") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(16, 22);
  const auto losses = [&](const char* text) {
    TaskPipeline pipeline = two_label_pipeline(model, "m", text, "prompt-tuning", {{"length", "0"}});
    FitRequest settings = few_steps(6);
    return train(model, {{pipeline, examples, {}}}, settings, 1);
  };
  const TrainResult cached = losses(with_soft_tokens);
  // 6 steps of 8 examples are 3 epochs of 16: texts of four tokens and more are forwarded once and used three
  // times.
  CHECK(cached.counters.tokens_from_cache > 0);

  // The same loss without the cache, from one batch at the first step.
  TaskPipeline pipeline = two_label_pipeline(model, "m", with_soft_tokens, "prompt-tuning", {{"length", "0"}});
  const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(examples));
  double sum = 0;
  for (std::size_t i = 0; i < examples.size(); ++i)
    sum -= std::log(predictions[i].decision.probabilities[static_cast<std::size_t>(examples[i].label)]);
  FitRequest whole = few_steps(1);
  whole.batch_size = 16;
  TaskPipeline again = two_label_pipeline(model, "m", with_soft_tokens, "prompt-tuning", {{"length", "0"}});
  CHECK(train(model, {{again, examples, {}}}, whole, 1).report.losses[0] ==
        doctest::Approx(sum / 16).epsilon(1e-4));
}

TEST_CASE("a step that is split into several passes is the same step") {
  // In float32 the last digit of a gradient near zero can decide the sign of a whole step of Adam.
  const Model model = tiny_model("llama-untied", at::kDouble);
  const std::vector<Example> examples = word_examples(16, 23);
  const auto trained = [&](int64_t batch_tokens) {
    TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning", {{"length", "5"}});
    FitRequest settings = few_steps(3);
    settings.batch_tokens = batch_tokens;
    train(model, {{pipeline, examples, {}}}, settings, 1);
    return pipeline.tuner->state(0).tensors.at("prompt").clone();
  };
  CHECK(at::allclose(trained(8192), trained(40), 1e-4, 1e-4));
}

TEST_CASE("one seed gives the same bits, another gives others") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(16, 24);
  const auto trained = [&](uint64_t seed) {
    TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning", {}, seed);
    train(model, {{pipeline, examples, {}}}, few_steps(3), seed);
    return pipeline.tuner->state(0).tensors.at("prompt").clone();
  };
  CHECK(at::equal(trained(1), trained(1)));
  CHECK(!at::equal(trained(1), trained(2)));
}

TEST_CASE("stopping on request keeps the best state so far") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(24, 25), dev = word_examples(10, 26);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
  at::Tensor at_evaluation;
  const TrainResult result = train(model, {{pipeline, examples, dev}}, few_steps(100), 1,
                                   [&](int64_t step, int64_t, double, double dev_metric) {
                                     if (!std::isnan(dev_metric))
                                       at_evaluation = pipeline.tuner->state(0).tensors.at("prompt").clone();
                                     return step < 6;
                                   });
  CHECK(result.report.cancelled);
  CHECK(result.report.steps == 6);
  CHECK(result.report.best_step == 4);
  CHECK(at::equal(pipeline.tuner->state(0).tensors.at("prompt"), at_evaluation));
}

TEST_CASE("few examples get enough steps and few evaluations, unless a number is requested") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(24, 25), dev = word_examples(10, 26);
  const auto run = [&](std::optional<int64_t> steps, std::optional<double> epochs,
                       std::optional<int64_t> least) {
    TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
    FitRequest request;
    request.steps = steps;
    request.epochs = epochs;
    request.min_steps = least;
    request.batch_size = 8; // three steps an epoch
    int64_t evaluations = 0;
    const auto count = [&](int64_t, int64_t, double, double dev_metric) {
      evaluations += !std::isnan(dev_metric);
      return true;
    };
    return std::pair(train(model, {{pipeline, examples, dev}}, request, 1, count).report.steps, evaluations);
  };
  CHECK(run({}, {}, {}).first == 100); // the tuner's default is six epochs, and 100 steps at least
  CHECK(run({}, 2, {}) == std::pair<int64_t, int64_t>(6, 6));
  CHECK(run({}, 2, 50) == std::pair<int64_t, int64_t>(50, 17)); // each epoch, and at the end
  CHECK(run({}, 2, 100) == std::pair<int64_t, int64_t>(100, 25));
  CHECK(run({}, 50, 100) == std::pair<int64_t, int64_t>(150, 50));
  CHECK(run(4, {}, 50).first == 4);
}

TEST_CASE("settings that nobody gave are the SDK's, and the recorded ones are those of the run") {
  const std::vector<Example> examples = word_examples(40, 34), dev = word_examples(6, 35);
  std::map<std::string, Options::Value, std::less<>> expected{{"steps", int64_t{15}}, // 5 epochs of 3
                                                              {"learning-rate", 1e-3},
                                                              {"batch-size", int64_t{16}},
                                                              {"batch-tokens", int64_t{8192}},
                                                              {"warmup", 0.0},
                                                              {"clip", 1.0},
                                                              {"evaluate-every", int64_t{3}},
                                                              {"patience", int64_t{0}},
                                                              {"optimizer", std::string("adamw")},
                                                              {"schedule", std::string("linear")}};
  const auto check_settings = [&](const Options& found) {
    CHECK(found.values().size() == expected.size());
    for (const auto& [name, value] : expected) {
      CAPTURE(name);
      REQUIRE(found.values().contains(name));
      CHECK((found.values().at(name) == value));
    }
  };
  const auto check_run = [&](Scripted& scripted, const FitRequest& request) {
    Options seen; // by the tuner's `fit`
    scripted.tuner->fitted = [&](Engine& engine) {
      seen = recorded(engine.settings());
      return scripted.tuner->usual_fit(engine);
    };
    int64_t evaluations = 0;
    const auto count = [&](int64_t, int64_t steps, double, double dev_metric) {
      CHECK(steps == 15);
      evaluations += !std::isnan(dev_metric);
      return true;
    };
    const FitReport report =
        train(scripted.model, {{scripted.pipeline, examples, dev}}, request, 1, count).report;
    CHECK(report.failure == "");
    check_settings(seen);
    check_settings(report.settings);
    CHECK(report.steps == 15);
    CHECK(report.losses.size() == 15);
    CHECK(evaluations == 5);
  };
  Scripted scripted;
  check_run(scripted, {});

  // The user's come first, then the tuner's.
  Scripted other;
  other.tuner->usual.learning_rate = 0.01;
  other.tuner->usual.warmup = 0.2;
  FitRequest request;
  request.warmup = 0.4;
  request.clip = 0.5;
  request.schedule = "exponential";
  expected["learning-rate"] = 0.01;
  expected["warmup"] = 0.4;
  expected["clip"] = 0.5;
  expected["schedule"] = std::string("exponential");
  expected["decay"] = 0.95;
  check_run(other, request);
}

TEST_CASE("a run stopped before its first evaluation has no development metric") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(24, 25), dev = word_examples(10, 26);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
  const TrainResult result = train(model, {{pipeline, examples, dev}}, few_steps(100), 1,
                                   [](int64_t step, int64_t, double, double) { return step < 2; });
  CHECK(result.report.cancelled);
  CHECK(result.report.steps == 2);
  CHECK(std::isnan(result.report.best_dev));
}

TEST_CASE("skipped examples are reported before training, those of the development set as well") {
  const Model model = tiny_model("llama-tied");
  std::vector<Example> examples = word_examples(12, 31), dev = word_examples(6, 32);
  examples[3].fields.clear();
  dev[1].fields.clear();
  dev[4].label = -1;
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "manual");
  PreparedExamples prepared;
  const TrainResult result = train(model, {{pipeline, examples, dev}}, {}, 1, {},
                                   [&](std::size_t, const PreparedExamples& rows) { prepared = rows; });
  REQUIRE(prepared.skipped_train.size() == 1);
  CHECK(prepared.skipped_train[0].line == 4);
  CHECK(prepared.skipped_train[0].reason.find("text") != std::string::npos);
  REQUIRE(prepared.skipped_dev.size() == 2);
  CHECK(prepared.skipped_dev[0].line == 2);
  CHECK(prepared.skipped_dev[1].line == 5);
  CHECK(result.dev_examples == std::vector<int64_t>{4});
  int64_t right = 0;
  for (const std::size_t i : {0, 2, 3, 5})
    right += Predictor(model, {&pipeline}).predict({&dev[i]})[0].label() == dev[i].label;
  CHECK(result.report.best_dev == static_cast<double>(right) / 4);

  const auto refuse = [](std::size_t, const PreparedExamples& rows) {
    throw DataError(rows.skipped_train[0].reason);
  };
  TaskPipeline untouched = two_label_pipeline(model, "m", plain, "prompt-tuning");
  const at::Tensor before = untouched.tuner->state(0).tensors.at("prompt").clone();
  CHECK_THROWS_AS(train(model, {{untouched, examples, dev}}, few_steps(4), 1, {}, refuse), DataError);
  CHECK(at::equal(untouched.tuner->state(0).tensors.at("prompt"), before));
  for (Example& row : dev)
    row.fields.clear();
  CHECK(std::isnan(train(model, {{pipeline, examples, dev}}, {}, 1).report.best_dev));
}

TEST_CASE("passes of calibration and evaluation are counted, and respect the most tokens per pass") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(12, 33), dev = word_examples(10, 34);
  const auto forwards = [&](const char* calibrate, const std::vector<Example>& evaluated,
                            int64_t batch_tokens) {
    TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "manual", {}, 1, {{"calibrate", calibrate}});
    FitRequest request;
    request.batch_tokens = batch_tokens;
    return train(model, {{pipeline, examples, evaluated}}, request, 1).counters.forwards;
  };
  CHECK(forwards("none", {}, 8192) == 0);
  CHECK(forwards("blank", {}, 8192) == 1);
  CHECK(forwards("train", {}, 8192) == 1);
  CHECK(forwards("none", dev, 8192) == 1);
  CHECK(forwards("blank", dev, 8192) == 2);
  // A prompt that is longer than the limit is run alone.
  CHECK(forwards("none", dev, 1) == 10);
  CHECK(forwards("train", {}, 1) == 12);
}

TEST_CASE("what truncation removes is counted for each example, in training and in use") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(20, 41), dev = word_examples(10, 42);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "manual");
  // The rest of the prompt has a fixed length, so the text loses all excess tokens.
  std::vector<int64_t> lengths;
  for (const Example& example : examples)
    lengths.push_back(std::ssize(tokenized(pipeline, model, example).at(0).input));
  std::vector<int64_t> sorted = lengths;
  std::ranges::sort(sorted);
  const int64_t limit = sorted[10];
  const auto excess = [&](int64_t length) { return std::max<int64_t>(0, length - limit); };
  pipeline.limit.max_length = limit;
  CutExamples expected;
  for (const int64_t length : lengths)
    expected.add({excess(length) > 0 ? std::map<std::string, int64_t>{{"text", excess(length)}}
                                     : std::map<std::string, int64_t>{},
                  excess(length) > 0 ? limit : 0});
  REQUIRE(expected.cut > 0);
  REQUIRE(expected.cut < 20);

  PreparedExamples prepared;
  train(model, {{pipeline, examples, dev}}, {}, 1, {},
        [&](std::size_t, const PreparedExamples& found) { prepared = found; });
  CHECK(prepared.cut_train == expected);
  CHECK(prepared.cut_dev.examples == 10);

  Predictor predictor(model, {&pipeline});
  const std::vector<Prediction> predictions = predictor.predict(pointers(examples));
  ExampleNotes filled, written;
  predictor.fill(pointers(examples), 1, &filled);
  GenerateSettings settings;
  settings.max_length = 1;
  predictor.generate(pointers(examples), settings, &written);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    CHECK(predictions[i].cut.total() == excess(lengths[i]));
    CHECK(filled.cut[i].total() == excess(lengths[i]));
    CHECK(written.cut[i].total() == excess(lengths[i]));
  }
  // The model's own limit truncates, too.
  pipeline.limit.max_length = 0;
  Example longest = examples[0];
  for (int64_t i = 0; i < model.shape().max_positions; ++i)
    longest.fields["text"] += " film";
  const Prediction cut = predictor.predict({&longest})[0];
  CHECK(cut.problem == "");
  CHECK(cut.cut.limit == model.shape().max_positions);
  CHECK(cut.cut.by_field.at("text") >= lengths[0]);
}

TEST_CASE("a saved and reloaded card gives the same scores bit for bit, and only its own model accepts it") {
  const Model model = tiny_model("llama-tied"), other = tiny_model("llama-untied");
  const std::vector<Example> examples = word_examples(20, 28);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
  train(model, {{pipeline, examples, {}}}, few_steps(4), 1);
  const TestFolder folder;
  save_card(to_card(pipeline, model), folder.path() / "m.card");
  const Card card = read_card(folder.path() / "m.card");
  const TaskPipeline back = pipeline_from_card(model, plugins(), card);
  const auto before = Predictor(model, {&pipeline}).predict(pointers(examples)),
             after = Predictor(model, {&back}).predict(pointers(examples));
  for (std::size_t i = 0; i < examples.size(); ++i)
    CHECK(before[i].decision.probabilities == after[i].decision.probabilities);
  CHECK_THROWS_AS(pipeline_from_card(other, plugins(), card), DataError);
}

TEST_CASE("the program in a new process gives a card's scores bit for bit") {
  for (const auto& [name, text, tuner] : {std::tuple{"llama-tied", plain, "prompt-tuning"},
                                          {"llama-untied", with_soft_tokens, "prompt-tuning"},
                                          {"bert-mlm", "{text} It was {\"mask\"}.", "prompt-tuning"},
                                          {"bert-mlm", "So {\"mask\"}: {text}", "manual"}}) {
    CAPTURE(name);
    CAPTURE(tuner);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(20, 30);
    TaskPipeline pipeline = two_label_pipeline(model, "m", text, tuner);
    train(model, {{pipeline, examples, {}}}, few_steps(4), 1);
    const TestFolder folder;
    save_card(to_card(pipeline, model), folder.path() / "m.card");
    std::ofstream rows(folder.path() / "rows");
    for (const Example& example : examples)
      rows << example.fields.at("text") << '\n';
    rows.close();
    const auto here = Predictor(model, {&pipeline}).predict(pointers(examples));

    const auto quoted = [](const std::filesystem::path& path) { return " '" + path.string() + "'"; };
    const std::string command =
        quoted(CUECARD_PROGRAM) + " predict --quiet --plugin-path" + quoted(CUECARD_BUILT_PLUGINS) +
        " --threads " + std::to_string(at::get_num_threads()) + " --card" + quoted(folder.path() / "m.card") +
        " --model" + quoted(golden / "models" / name) + " <" + quoted(folder.path() / "rows") + " >" +
        quoted(folder.path() / "output");
    REQUIRE(std::system(command.c_str()) == 0);
    std::ifstream output(folder.path() / "output");
    std::string line;
    for (const Prediction& expected : here) {
      REQUIRE(std::getline(output, line));
      const nlohmann::json row = nlohmann::json::parse(line); // numbers are printed with all their digits
      for (std::size_t label = 0; label < pipeline.labels.size(); ++label)
        CHECK(row.at("scores").at(pipeline.labels[label]).get<double>() ==
              expected.decision.probabilities[label]);
    }
  }
}

TEST_CASE("a tuner without parameters trains in no steps, and soft slots need one that has some") {
  const Model model = tiny_model("bert-mlm");
  TaskPipeline pipeline = two_label_pipeline(model, "m", "{text} It was {\"mask\"}.", "manual");
  CHECK(train(model, {{pipeline, word_examples(4, 29), {}}}, {}, 1).report.steps == 0);
  CHECK_THROWS_WITH_AS(two_label_pipeline(model, "m", "{text} {\"soft\"} {\"mask\"}", "manual"),
                       doctest::Contains("prompt-tuning"), UsageError);
}
