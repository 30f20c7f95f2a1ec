// Learning: the loss falls, text in front of learned rows is computed once, the best is kept, a card is the
// task.
#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cuecard/error.hpp>

#include "tasks.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

FitSettings few_steps(int64_t steps) {
  FitSettings settings;
  settings.steps = steps;
  settings.batch_size = 8;
  settings.evaluate_every = 4;
  return settings;
}

constexpr const char* front = "{text} It was{\"mask\"}";
constexpr const char* behind = "{text} {\"soft\":\"the film was\"} so{\"mask\"}";

/// One of this process, gone afterwards.
struct Folder {
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("cuecard-train-test-" + std::to_string(getpid()));
};

float mean_of(const std::vector<float>& losses, std::size_t begin, std::size_t count) {
  float sum = 0;
  for (std::size_t i = begin; i < begin + count; ++i)
    sum += losses[i];
  return sum / static_cast<float>(count);
}

} // namespace

TEST_CASE("prompt tuning learns a planted rule on every tiny model") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    Method method = two_label_method(
        model, "m", std::string(name).starts_with("bert") ? "{text} It was {\"mask\"}." : front,
        "prompt-tuning");
    const std::vector<Example> examples = word_examples(48, 21);
    const TrainResult result = train(model, {{method, examples, {}}}, few_steps(40), 1);
    REQUIRE(result.report.losses.size() == 40);
    CHECK(mean_of(result.report.losses, 34, 6) < mean_of(result.report.losses, 0, 6) - 0.05f);
    CHECK(method.parameters() == 20 * model.backbone().shape().embedding_width);
  }
}

TEST_CASE("what stands in front of the learned rows is forwarded once, and nothing else changes") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(16, 22);
  const auto losses = [&](const char* text) {
    Method method = two_label_method(model, "m", text, "prompt-tuning", {{"length", "0"}});
    FitSettings settings = few_steps(6);
    return train(model, {{method, examples, {}}}, settings, 1);
  };
  const TrainResult cached = losses(behind);
  // 6 steps of 8 rows are 3 epochs of 16 rows: texts of four rows and more are forwarded once and used three
  // times.
  CHECK(cached.counters.rows_from_cache > 0);

  // The same loss without the cache, from one batch at the first step.
  Method method = two_label_method(model, "m", behind, "prompt-tuning", {{"length", "0"}});
  const std::vector<Prediction> predictions = Predictor(model, {&method}).predict(pointers(examples));
  double sum = 0;
  for (std::size_t i = 0; i < examples.size(); ++i)
    sum -= std::log(predictions[i].decision.probabilities[static_cast<std::size_t>(examples[i].label)]);
  FitSettings whole = few_steps(1);
  whole.batch_size = 16;
  Method again = two_label_method(model, "m", behind, "prompt-tuning", {{"length", "0"}});
  CHECK(train(model, {{again, examples, {}}}, whole, 1).report.losses[0] ==
        doctest::Approx(sum / 16).epsilon(1e-4));
}

TEST_CASE("a step that is split into several passes is the same step") {
  const Model model = tiny_model("llama-untied");
  const std::vector<Example> examples = word_examples(16, 23);
  const auto learned = [&](int64_t batch_tokens) {
    Method method = two_label_method(model, "m", front, "prompt-tuning", {{"length", "5"}});
    FitSettings settings = few_steps(3);
    settings.batch_tokens = batch_tokens;
    train(model, {{method, examples, {}}}, settings, 1);
    return method.tuner->export_learned(0).tensors.at("prompt").clone();
  };
  CHECK(at::allclose(learned(8192), learned(40), 1e-4, 1e-4));
}

TEST_CASE("one seed gives the same bits, another gives others") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(16, 24);
  const auto learned = [&](uint64_t seed) {
    Method method = two_label_method(model, "m", front, "prompt-tuning", {}, seed);
    train(model, {{method, examples, {}}}, few_steps(3), seed);
    return method.tuner->export_learned(0).tensors.at("prompt").clone();
  };
  CHECK(at::equal(learned(1), learned(1)));
  CHECK(!at::equal(learned(1), learned(2)));
}

TEST_CASE("stopping on request keeps what was best so far") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(24, 25), dev = word_examples(10, 26);
  Method method = two_label_method(model, "m", front, "prompt-tuning");
  at::Tensor at_look;
  const TrainResult result = train(model, {{method, examples, dev}}, few_steps(100), 1,
                                   [&](int64_t step, int64_t, double, double dev_metric) {
                                     if (!std::isnan(dev_metric))
                                       at_look = method.tuner->export_learned(0).tensors.at("prompt").clone();
                                     return step < 6;
                                   });
  CHECK(result.report.cancelled);
  CHECK(result.report.steps == 6);
  CHECK(result.report.best_step == 4);
  CHECK(at::equal(method.tuner->export_learned(0).tensors.at("prompt"), at_look));
}

TEST_CASE("few rows make steps enough, and few looks at the dev rows, unless somebody says how many") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(24, 25), dev = word_examples(10, 26);
  const auto run = [&](int64_t steps, double epochs, int64_t least) {
    Method method = two_label_method(model, "m", front, "prompt-tuning");
    FitSettings settings;
    settings.steps = steps;
    settings.epochs = epochs;
    settings.least_steps = least;
    settings.batch_size = 8; // three steps an epoch
    int64_t looks = 0;
    const auto count = [&](int64_t, int64_t, double, double dev_metric) {
      looks += !std::isnan(dev_metric);
      return true;
    };
    return std::pair(train(model, {{method, examples, dev}}, settings, 1, count).report.steps, looks);
  };
  CHECK(run(0, 0, 0).first == 100); // the tuner's default is six epochs, and 100 steps at least
  CHECK(run(0, 2, 0) == std::pair<int64_t, int64_t>(6, 6));
  CHECK(run(0, 2, 50) == std::pair<int64_t, int64_t>(50, 17)); // each epoch, and at the end
  CHECK(run(0, 2, 100) == std::pair<int64_t, int64_t>(100, 25));
  CHECK(run(0, 50, 100) == std::pair<int64_t, int64_t>(150, 50));
  CHECK(run(4, 0, 50).first == 4);
}

TEST_CASE("a run stopped before its first look at the dev rows knows no dev metric") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(24, 25), dev = word_examples(10, 26);
  Method method = two_label_method(model, "m", front, "prompt-tuning");
  const TrainResult result = train(model, {{method, examples, dev}}, few_steps(100), 1,
                                   [](int64_t step, int64_t, double, double) { return step < 2; });
  CHECK(result.report.cancelled);
  CHECK(result.report.steps == 2);
  CHECK(std::isnan(result.report.best_dev));
}

TEST_CASE("rows that can't be used are told before anything is learned, dev rows as well") {
  const Model model = tiny_model("llama-tied");
  std::vector<Example> examples = word_examples(12, 31), dev = word_examples(6, 32);
  examples[3].fields.clear();
  dev[1].fields.clear();
  dev[4].label = -1;
  Method method = two_label_method(model, "m", front, "manual");
  UnusableRows told;
  const TrainResult result = train(model, {{method, examples, dev}}, {}, 1, {},
                                   [&](std::size_t, const UnusableRows& rows) { told = rows; });
  REQUIRE(told.train.size() == 1);
  CHECK(told.train[0].line == 4);
  CHECK(told.train[0].reason.find("text") != std::string::npos);
  REQUIRE(told.dev.size() == 2);
  CHECK(told.dev[0].line == 2);
  CHECK(told.dev[1].line == 5);
  CHECK(result.dev_rows == std::vector<int64_t>{4});
  int64_t right = 0;
  for (const std::size_t i : {0, 2, 3, 5})
    right += Predictor(model, {&method}).predict({&dev[i]})[0].label() == dev[i].label;
  CHECK(result.report.best_dev == static_cast<double>(right) / 4);

  const auto refuse = [](std::size_t, const UnusableRows& rows) { throw DataError(rows.train[0].reason); };
  Method untouched = two_label_method(model, "m", front, "prompt-tuning");
  const at::Tensor before = untouched.tuner->export_learned(0).tensors.at("prompt").clone();
  CHECK_THROWS_AS(train(model, {{untouched, examples, dev}}, few_steps(4), 1, {}, refuse), DataError);
  CHECK(at::equal(untouched.tuner->export_learned(0).tensors.at("prompt"), before));
  for (Example& row : dev)
    row.fields.clear();
  CHECK(std::isnan(train(model, {{method, examples, dev}}, {}, 1).report.best_dev));
}

TEST_CASE(
    "passes of calibration and of looks at the dev rows are counted, and hold to the most rows of a pass") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(12, 33), dev = word_examples(10, 34);
  const auto forwards = [&](const char* calibrate, const std::vector<Example>& looked_at,
                            int64_t batch_tokens) {
    Method method = two_label_method(model, "m", front, "manual", {}, 1, {{"calibrate", calibrate}});
    FitSettings settings;
    settings.batch_tokens = batch_tokens;
    return train(model, {{method, examples, looked_at}}, settings, 1).counters.forwards;
  };
  CHECK(forwards("none", {}, 8192) == 0);
  CHECK(forwards("blank", {}, 8192) == 1);
  CHECK(forwards("train", {}, 8192) == 1);
  CHECK(forwards("none", dev, 8192) == 1);
  CHECK(forwards("blank", dev, 8192) == 2);
  // A prompt that is longer than the most goes alone.
  CHECK(forwards("none", dev, 1) == 10);
  CHECK(forwards("train", {}, 1) == 12);
}

TEST_CASE("training stops early when dev rows have shown no gain for a while, and keeps the best look") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(32, 31);
  std::vector<Example> dev = word_examples(24, 32);
  for (Example& example : dev)
    example.label = 1 - example.label; // the rule turned round: what is learned makes them worse
  for (const int64_t patience : {0, 1, 3}) {
    CAPTURE(patience);
    Method method = two_label_method(model, "m", front, "prompt-tuning");
    struct Look {
      int64_t step;
      double dev;
      at::Tensor prompt;
    };
    std::vector<Look> looks;
    FitSettings settings = few_steps(60);
    settings.learning_rate = 0.1;
    settings.patience = patience;
    const TrainResult result =
        train(model, {{method, examples, dev}}, settings, 1, [&](int64_t step, int64_t, double, double metric) {
          if (!std::isnan(metric))
            looks.push_back({step, metric, method.tuner->export_learned(0).tensors.at("prompt").clone()});
          return true;
        });

    // By hand: a gain is a higher metric than ever; among equals the later look is kept.
    std::size_t best = 0, stop = looks.size() - 1;
    int64_t without_gain = 0;
    for (std::size_t i = 0; i < looks.size(); ++i) {
      without_gain = i == 0 || looks[i].dev > looks[best].dev ? 0 : without_gain + 1;
      if (looks[i].dev >= looks[best].dev)
        best = i;
      if (patience > 0 && without_gain == patience) {
        stop = i;
        break;
      }
    }
    REQUIRE(stop == looks.size() - 1);
    CHECK(looks[best].dev > looks[stop].dev);
    CHECK(result.report.stopped_early == (result.report.steps < 60));
    CHECK(result.report.steps == looks[stop].step);
    CHECK((result.report.steps == 60) == (patience == 0));
    CHECK(result.report.best_step == looks[best].step);
    CHECK(result.report.best_dev == looks[best].dev);
    CHECK(at::equal(method.tuner->export_learned(0).tensors.at("prompt"), looks[best].prompt));
  }
}

TEST_CASE("a loss that is no number ends the run in one sentence") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(16, 27);
  Method method = two_label_method(model, "m", front, "prompt-tuning");
  FitSettings settings = few_steps(30);
  settings.learning_rate = INFINITY;
  settings.clip = 0;
  CHECK_THROWS_WITH_AS(train(model, {{method, examples, {}}}, settings, 1),
                       doctest::Contains("lower the learning rate"), DataError);
}

TEST_CASE("a card is the task: saved and read it gives the same scores bit for bit, and only its own model "
          "takes it") {
  const Model model = tiny_model("llama-tied"), other = tiny_model("llama-untied");
  const std::vector<Example> examples = word_examples(20, 28);
  Method method = two_label_method(model, "m", front, "prompt-tuning");
  train(model, {{method, examples, {}}}, few_steps(4), 1);
  const Folder folder;
  save_card(to_card(method, model), folder.path / "m.card");
  const Card card = read_card(folder.path / "m.card");
  const Method back = method_from_card(model, plugins(), card);
  const auto before = Predictor(model, {&method}).predict(pointers(examples)),
             after = Predictor(model, {&back}).predict(pointers(examples));
  for (std::size_t i = 0; i < examples.size(); ++i)
    CHECK(before[i].decision.probabilities == after[i].decision.probabilities);
  CHECK_THROWS_AS(method_from_card(other, plugins(), card), DataError);
}

TEST_CASE("the program in a new process gives a card's scores bit for bit") {
  for (const auto& [name, text, tuner] : {std::tuple{"llama-tied", front, "prompt-tuning"},
                                          {"llama-untied", behind, "prompt-tuning"},
                                          {"bert-mlm", "{text} It was {\"mask\"}.", "prompt-tuning"},
                                          {"bert-mlm", "So {\"mask\"}: {text}", "manual"}}) {
    CAPTURE(name);
    CAPTURE(tuner);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(20, 30);
    Method method = two_label_method(model, "m", text, tuner);
    train(model, {{method, examples, {}}}, few_steps(4), 1);
    const Folder folder;
    save_card(to_card(method, model), folder.path / "m.card");
    std::ofstream rows(folder.path / "rows");
    for (const Example& example : examples)
      rows << example.fields.at("text") << '\n';
    rows.close();
    const auto here = Predictor(model, {&method}).predict(pointers(examples));

    const auto quoted = [](const std::filesystem::path& path) { return " '" + path.string() + "'"; };
    const std::string command = quoted(CUECARD_PROGRAM) + " predict --quiet --plugin-path" +
                                quoted(CUECARD_BUILT_PLUGINS) + " --threads " +
                                std::to_string(at::get_num_threads()) + " --card" +
                                quoted(folder.path / "m.card") + " --model" + quoted(golden / "models" / name) +
                                " <" + quoted(folder.path / "rows") + " >" + quoted(folder.path / "said");
    REQUIRE(std::system(command.c_str()) == 0);
    std::ifstream said(folder.path / "said");
    std::string line;
    for (const Prediction& expected : here) {
      REQUIRE(std::getline(said, line));
      const nlohmann::json row =
          nlohmann::json::parse(line); // numbers are printed so that they come back as they were
      for (std::size_t label = 0; label < method.labels.size(); ++label)
        CHECK(row.at("scores").at(method.labels[label]).get<double>() ==
              expected.decision.probabilities[label]);
    }
  }
}

TEST_CASE("a method that learns nothing trains in no steps, and a template's soft slots need one that learns") {
  const Model model = tiny_model("bert-mlm");
  Method method = two_label_method(model, "m", "{text} It was {\"mask\"}.", "manual");
  CHECK(train(model, {{method, word_examples(4, 29), {}}}, {}, 1).report.steps == 0);
  CHECK_THROWS_WITH_AS(two_label_method(model, "m", "{text} {\"soft\"} {\"mask\"}", "manual"),
                       doctest::Contains("prompt-tuning"), UsageError);
}
