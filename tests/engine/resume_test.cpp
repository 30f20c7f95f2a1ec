// A run that is interrupted anywhere and resumed ends with the same bits as an uninterrupted one.
#include <ATen/ATen.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "engine/train/checkpoint.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr const char* with_soft_tokens = "{text} {\"soft\":\"the film was\"} so{\"mask\"}";

/// A folder of this process, removed afterwards.
struct Folder {
  Folder() { std::filesystem::remove_all(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("cuecard-resume-test-" + std::to_string(getpid()));
};

struct Setting {
  std::string model = "llama-tied", text = with_soft_tokens, tuner = "prompt-tuning";
  std::vector<std::pair<std::string, std::string>> options = {};
  FitRequest fit = {};
  uint64_t seed = 5;
  int64_t every = 0;
};

FitRequest steps(int64_t count) {
  FitRequest request;
  request.steps = count;
  request.batch_size = 6;
  request.evaluate_every = 4;
  request.learning_rate = 0.05;
  return request;
}

const std::vector<Example>& rows() {
  static const std::vector<Example> examples = word_examples(20, 51);
  return examples;
}
const std::vector<Example>& dev_examples() {
  static const std::vector<Example> examples = word_examples(15, 52);
  return examples;
}

struct Outcome {
  ComponentState state;
  FitReport report;
  int64_t examples = 0;
  int64_t first_step = 0; ///< the first step of this run
};

/// Ends a run like a kill: a std::exception would end it with its best state.
struct Killed {};
constexpr const char* killed = "that is not a std::exception"; // the warning about it

/// One run in new objects, as in a new process. It is interrupted after step `stop`.
Outcome run(const Setting& setting, const std::filesystem::path& checkpoint, int64_t stop = -1) {
  const Model model = tiny_model(setting.model);
  TaskPipeline pipeline =
      two_label_pipeline(model, "m", setting.text, setting.tuner, setting.options, setting.seed);
  Outcome outcome;
  const auto progress = [&](int64_t step, int64_t, double, double) {
    if (outcome.first_step == 0)
      outcome.first_step = step;
    if (step == stop)
      throw Killed();
    return true;
  };
  const TrainResult result = train(model, {{pipeline, rows(), dev_examples()}}, setting.fit, setting.seed,
                                   progress, {}, {checkpoint, setting.every});
  outcome.report = result.report;
  outcome.examples = result.examples_seen;
  outcome.state = pipeline.tuner->state(0);
  return outcome;
}

void check_same(const Outcome& a, const Outcome& b) {
  REQUIRE(a.state.tensors.size() == b.state.tensors.size());
  for (const auto& [name, tensor] : a.state.tensors)
    CHECK(at::equal(tensor, b.state.tensors.at(name)));
  CHECK(a.report.losses == b.report.losses);
  CHECK(a.report.steps == b.report.steps);
  CHECK(a.examples == b.examples);
  CHECK(a.report.best_step == b.report.best_step);
  CHECK(a.report.best_dev == b.report.best_dev);
  CHECK(a.report.stopped_early == b.report.stopped_early);
}

void interrupt(const Setting& setting, const std::filesystem::path& checkpoint, int64_t stop) {
  CHECK_THROWS_WITH(run(setting, checkpoint, stop), doctest::Contains(killed));
}

} // namespace

TEST_CASE("cached text, steps of several passes, evaluations and patience: the same bits wherever it resumes") {
  Setting cached, split, patient, weights;
  cached.fit = split.fit = patient.fit = weights.fit = steps(14);
  split.fit.batch_tokens = 40; // of six examples of up to 20 tokens: several passes per step
  split.every = 3;
  patient.fit.steps = 40;
  patient.fit.patience = 2;
  patient.fit.optimizer = "adafactor";
  patient.every = 1;
  weights.tuner = "fine-tuning";
  weights.text = "{text} so{\"mask\"}";
  weights.fit.steps = 6;
  weights.fit.learning_rate = 1e-3;
  weights.every = 1;
  for (const Setting& setting : {cached, split, patient, weights}) {
    CAPTURE(setting.tuner);
    CAPTURE(setting.every);
    const Outcome whole = run(setting, {});
    for (const int64_t stop : {1, 3, 4, 5}) {
      CAPTURE(stop);
      const Folder folder;
      interrupt(setting, folder.path, stop);
      const Outcome rest = run(setting, folder.path);
      check_same(whole, rest);
      // From the last evaluation or the last multiple of `every` on.
      const int64_t kept = std::max(stop / 4 * 4, setting.every > 0 ? stop / setting.every * setting.every : 0);
      CHECK(rest.first_step == kept + 1);
    }
  }
}

TEST_CASE("a resumed run's seconds include those before the interruption") {
  Setting setting;
  setting.fit = steps(6);
  setting.every = 1;
  const Folder folder;
  const Model model = tiny_model(setting.model);
  const auto seconds = [&](int64_t stop) {
    TaskPipeline pipeline =
        two_label_pipeline(model, "m", setting.text, setting.tuner, setting.options, setting.seed);
    const auto progress = [&](int64_t step, int64_t, double, double) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      if (step == stop)
        throw Killed();
      return true;
    };
    return train(model, {{pipeline, rows(), dev_examples()}}, setting.fit, setting.seed, progress, {},
                 {folder.path, 1})
        .seconds;
  };
  CHECK_THROWS(seconds(4)); // steps 1 to 3 and their pauses are in the checkpoint of step 4
  CHECK(seconds(-1) > 5 * 0.1);
}

TEST_CASE("reparametrisation and dropout resume with the same bits") {
  const char* plain = "{text} so{\"mask\"}";
  const std::vector<Setting> settings{
      {.text = plain, .tuner = "p-tuning", .options = {{"length", "3"}, {"hidden", "8"}, {"encoder", "lstm"}}},
      {.text = plain, .tuner = "p-tuning", .options = {{"length", "3"}, {"encoder", "mlp"}}},
      {.text = plain,
       .tuner = "prefix-tuning",
       .options = {{"length", "3"}, {"mid-dim", "16"}, {"dropout", "0.2"}}},
      {.text = plain, .tuner = "p-tuning-v2", .options = {{"length", "3"}, {"dropout", "0.3"}}},
      {.text = plain,
       .tuner = "p-tuning-v2",
       .options = {{"length", "3"}, {"projection", "true"}, {"prefix-hidden", "16"}}}};
  for (Setting setting : settings) {
    CAPTURE(setting.tuner);
    setting.fit = steps(10);
    setting.fit.learning_rate = 0.01;
    setting.fit.batch_tokens = 40; // several passes per step
    setting.every = 3;
    const Outcome whole = run(setting, {});
    for (const int64_t stop : {2, 3, 8}) {
      CAPTURE(stop);
      const Folder folder;
      interrupt(setting, folder.path, stop);
      check_same(whole, run(setting, folder.path));
    }
  }
}

TEST_CASE("two tasks of one prefix resume together with the same bits") {
  const Folder folder;
  const auto both = [&](const std::filesystem::path& checkpoint, int64_t stop) {
    const Model model = tiny_model("llama-tied");
    TaskPipeline first =
        two_label_pipeline(model, "a", "{text} so{\"mask\"}", "p-tuning-v2", {{"length", "3"}}, 5);
    TaskPipeline second = two_label_pipeline(model, "b", "So{\"mask\"}", "manual");
    second.tuner = first.tuner;
    second.record.tuner = first.record.tuner;
    second.task = 1;
    Outcome outcome;
    outcome.report =
        train(model, {{first, rows(), dev_examples()}, {second, dev_examples(), dev_examples()}}, steps(10), 5,
              [&](int64_t step, int64_t, double, double) {
                if (step == stop)
                  throw Killed();
                return true;
              },
              {}, {checkpoint, 3})
            .report;
    outcome.state = first.tuner->state(0);
    return outcome;
  };
  const Outcome whole = both({}, -1);
  CHECK_THROWS_WITH(both(folder.path, 7), doctest::Contains(killed));
  check_same(whole, both(folder.path, -1));
}

TEST_CASE("interrupted repeatedly, and started once more after the end") {
  Setting setting;
  setting.fit = steps(14);
  setting.every = 2;
  const Outcome whole = run(setting, {});
  const Folder folder;
  for (const int64_t stop : {3, 3, 7, 12})
    interrupt(setting, folder.path, stop);
  check_same(whole, run(setting, folder.path));
  const Outcome again = run(setting, folder.path);
  check_same(whole, again);
  CHECK(again.first_step == 0); // nothing was left to do
  remove_checkpoint(folder.path);
  CHECK(!std::filesystem::exists(folder.path));
}

TEST_CASE("a run stopped by hand keeps its checkpoint and resumes to the same end") {
  Setting setting;
  setting.fit = steps(14);
  setting.every = 1;
  const Outcome whole = run(setting, {});
  const Folder folder;
  const Model model = tiny_model(setting.model);
  TaskPipeline pipeline = two_label_pipeline(model, "m", setting.text, setting.tuner, {}, setting.seed);
  CHECK(train(model, {{pipeline, rows(), dev_examples()}}, setting.fit, setting.seed,
              [](int64_t step, int64_t, double, double) { return step < 5; }, {}, {folder.path, 1})
            .report.cancelled);
  const Outcome rest = run(setting, folder.path);
  check_same(whole, rest);
  CHECK(rest.first_step == 6);
}

TEST_CASE("the checkpoint of another run is refused with what differs") {
  Setting setting;
  setting.fit = steps(14);
  const Folder folder;
  interrupt(setting, folder.path, 5);
  const auto refused = [&](const Setting& other, const char* what) {
    CHECK_THROWS_WITH_AS(run(other, folder.path), doctest::Contains(what), DataError);
  };
  Setting other = setting;
  other.fit.learning_rate = 0.06;
  refused(other, "lr was 0.05 there and is 0.06 here");
  other = setting;
  other.seed = 6;
  refused(other, "seed was 5 there and is 6 here");
  other = setting;
  other.text = "{text} {\"soft\":\"the film was\"} thus{\"mask\"}";
  refused(other, "template");
  other = setting;
  other.model = "llama-untied";
  refused(other, "model ");
  const Outcome rest = run(setting, folder.path); // and the checkpoint is still there
  CHECK(rest.first_step == 5);
}

TEST_CASE(
    "remains of a killed save are removed, other files are not touched, and two runs can't share a folder") {
  Setting setting;
  setting.fit = steps(8);
  const Outcome whole = run(setting, {});
  const Folder folder;
  interrupt(setting, folder.path, 5);
  const std::filesystem::path temporary = folder.path / ".checkpoint.safetensors.123-0";
  std::ofstream(temporary) << "half";
  check_same(whole, run(setting, folder.path));
  CHECK(!std::filesystem::exists(temporary));

  {
    const Checkpoint running(folder.path / "own", {});
    CHECK_THROWS_WITH_AS(Checkpoint(folder.path / "own", {}), doctest::Contains("another run is using"),
                         DataError);
  }
  std::filesystem::remove_all(folder.path / "own");
  std::ofstream(folder.path / "notes.txt") << "mine";
  CHECK_THROWS_WITH_AS(run(setting, folder.path), doctest::Contains("notes.txt"), UsageError);
  CHECK(std::filesystem::exists(folder.path / "notes.txt"));
}

TEST_CASE("a truncated state is refused") {
  Setting setting;
  setting.fit = steps(8);
  const Folder folder;
  interrupt(setting, folder.path, 5);
  const std::filesystem::path state = folder.path / "checkpoint.safetensors";
  std::filesystem::resize_file(state, std::filesystem::file_size(state) - 1);
  CHECK_THROWS_WITH_AS(run(setting, folder.path), doctest::Contains("checkpoint.safetensors"), DataError);
}
