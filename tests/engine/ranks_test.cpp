// A run of several ranks has the results of one process; a lost rank ends the others, and the run resumes with any number of
// ranks.
#include <ATen/ATen.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "engine/train/share_out.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// The sum over ranks that are threads of this process.
class SharedSum {
public:
  explicit SharedSum(int64_t ranks) : ranks_(ranks) {}

  void add(float* values, std::size_t count) {
    std::unique_lock lock(mutex_);
    if (lost_)
      throw Error("a thread ended");
    if (arrived_ == 0)
      sum_.assign(count, 0);
    if (sum_.size() != count)
      throw Error("the ranks' buffers differ in size");
    for (std::size_t i = 0; i < count; ++i)
      sum_[i] += values[i];
    const int64_t round = round_;
    if (++arrived_ == ranks_) {
      arrived_ = 0;
      ++round_;
      result_ = sum_;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return lost_ || round_ != round; });
    if (round_ == round)
      throw Error("a thread ended");
    std::copy(result_.begin(), result_.end(), values);
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    lost_ = true;
    changed_.notify_all();
  }

private:
  const int64_t ranks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<float> sum_, result_;
  int64_t arrived_ = 0, round_ = 0;
  bool lost_ = false;
};

struct Setting {
  std::string model = "llama-tied", tuner = "prompt-tuning", text = "{text} It was{\"mask\"}";
  std::vector<std::pair<std::string, std::string>> options = {};
  std::string verbalizer = "manual";
  int64_t tasks = 1;
  FitRequest fit = {};
  std::filesystem::path checkpoint = {}; ///< of the first rank
};

FitRequest steps(int64_t count, int64_t batch_size = 7) {
  FitRequest request = steps_of(count, batch_size, 0.001);
  request.evaluate_every = 3;
  request.batch_tokens = 60; // several passes a step
  request.clip = 0;
  return request;
}

struct Outcome {
  TrainResult result;
  std::vector<ComponentState> states; ///< of the tuner, by task
  std::vector<at::Tensor> gradients;  ///< of its parameters in the first step
  std::string error;
};

/// For the verbalizer `text`: with texts to generate instead of labels.
std::vector<Example> rows_of(const Setting& setting, int64_t task, int64_t count, uint64_t seed) {
  std::vector<Example> rows = word_examples(count, seed + static_cast<uint64_t>(10 * task));
  if (setting.verbalizer == "text")
    for (Example& row : rows) {
      row.answers = {row.label ? "good film" : "the long and long plot"};
      row.label = -1;
    }
  return rows;
}

struct Rank {
  explicit Rank(const Setting& setting) : model(tiny_model(setting.model)) {
    std::vector<PipelineChoice> choices;
    for (int64_t task = 0; task < setting.tasks; ++task) {
      train.push_back(rows_of(setting, task, 20 + 9 * task, 51));
      dev.push_back(rows_of(setting, task, 11, 61));
      PipelineChoice choice;
      choice.name = "task" + std::to_string(task);
      choice.prompt_template.set = {{"text", setting.text}};
      choice.tuner = {setting.tuner, setting.options};
      choice.verbalizer.component = setting.verbalizer;
      if (setting.verbalizer != "text") {
        choice.labels = {"negative", "positive"};
        choice.label_words = {{"bad"}, {"good"}};
      }
      choice.seed = 5 + test_seed();
      choices.push_back(choice);
    }
    std::vector<const std::vector<Example>*> examples;
    for (const std::vector<Example>& of : train)
      examples.push_back(&of);
    pipelines = make_pipelines(model, plugins(), choices, examples);
    model.identity(); // computed once, which threads of one process must not do concurrently
  }

  const Model model;
  std::vector<std::vector<Example>> train, dev;
  std::vector<TaskPipeline> pipelines;
};

using OnProgress = std::function<bool(int64_t rank, int64_t step)>;

std::vector<Outcome> run(const Setting& setting, int64_t count, const OnProgress& on_progress = {}) {
  std::vector<std::unique_ptr<Rank>> ranks;
  for (int64_t rank = 0; rank < count; ++rank)
    ranks.push_back(std::make_unique<Rank>(setting));
  std::vector<Outcome> outcomes(ranks.size());
  SharedSum shared(count);
  const auto work = [&](int64_t number) {
    Rank& rank = *ranks[static_cast<std::size_t>(number)];
    Outcome& outcome = outcomes[static_cast<std::size_t>(number)];
    std::vector<TaskToTrain> tasks;
    for (std::size_t i = 0; i < rank.pipelines.size(); ++i)
      tasks.push_back({rank.pipelines[i], rank.train[i], rank.dev[i]});
    try {
      const auto progress = [&](int64_t step, int64_t, double, double) {
        for (const ParameterGroup& group : tasks[0].pipeline.tuner->parameters())
          for (const at::Tensor& tensor : group.tensors)
            if (step == 1)
              outcome.gradients.push_back(tensor.grad().clone());
        return !on_progress || on_progress(number, step);
      };
      outcome.result = train(rank.model, tasks, setting.fit, 5, progress, {}, {setting.checkpoint, 2},
                             {number, count, [&](float* values, std::size_t n) { shared.add(values, n); }});
      for (std::size_t i = 0; i < tasks.size(); ++i)
        outcome.states.push_back(rank.pipelines[i].tuner->state(static_cast<int64_t>(i)));
    } catch (const std::exception& error) {
      outcome.error = error.what();
      shared.leave();
    }
  };
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count; ++rank)
    threads.emplace_back(work, rank);
  for (std::thread& thread : threads)
    thread.join();
  return outcomes;
}

/// Adam divides each gradient by its size, so from the second step on rounding can be much larger where a gradient is nearly zero.
void check_near(const Outcome& one, const Outcome& other) {
  REQUIRE(one.error == "");
  REQUIRE(other.error == "");
  const std::vector<float>&losses = one.result.report.losses, &others = other.result.report.losses;
  REQUIRE(losses.size() == others.size());
  CHECK(others[0] == doctest::Approx(losses[0]).epsilon(1e-6));
  for (std::size_t step = 1; step < losses.size(); ++step)
    CHECK(others[step] == doctest::Approx(losses[step]).epsilon(2e-5));
  for (std::size_t i = 0; i < std::min(one.gradients.size(), other.gradients.size());
       ++i) // a resumed run has none
    CHECK((one.gradients[i] - other.gradients[i]).abs().max().item<double>() <=
          1e-5 * one.gradients[i].abs().max().item<double>());
  CHECK(one.result.examples_seen == other.result.examples_seen);
  for (std::size_t task = 0; task < one.states.size(); ++task)
    for (const auto& [name, tensor] : one.states[task].tensors)
      CHECK(at::allclose(tensor, other.states.at(task).tensors.at(name), 0, 1e-3));
}

void check_same_bits(const Outcome& a, const Outcome& b) {
  CHECK(a.result.report.losses == b.result.report.losses);
  CHECK(a.result.report.best_dev == b.result.report.best_dev);
  REQUIRE(a.states.size() == b.states.size());
  for (std::size_t task = 0; task < a.states.size(); ++task) {
    CHECK(a.states[task].texts == b.states[task].texts);
    for (const auto& [name, tensor] : a.states[task].tensors)
      CHECK(at::equal(tensor, b.states[task].tensors.at(name)));
  }
}

} // namespace

TEST_CASE("rows are distributed by size, the longest first, each to the rank with least") {
  CHECK(shared_out({1, 5, 3, 3, 2}, 2) == std::vector<int64_t>{1, 0, 1, 1, 0});
  CHECK(shared_out({4, 4, 4}, 4) == std::vector<int64_t>{0, 1, 2});
  CHECK(shared_out({}, 3).empty());
  CHECK(shared_out({7, 0, 2}, 1) == std::vector<int64_t>{0, 0, 0});
}

TEST_CASE("two and four ranks have the losses of one process, and the same card") {
  std::vector<Setting> settings(5);
  settings[0].fit = steps(8); // 20 examples: the third step of an epoch has fewer than the others
  settings[1] = {
      .model = "bert-mlm", .tuner = "p-tuning-v2", .text = "{text} It was {\"mask\"}.", .fit = steps(6)};
  settings[2] = {.tuner = "p-tuning",
                 .text = R"({text} {"soft": None, "duplicate": 2} It was{"mask"})",
                 .tasks = 2,
                 .fit = steps(6)};
  settings[3] = {.verbalizer = "text", .fit = steps(4)}; // means over tokens, and texts to compare
  settings[4].fit = steps(6, 3);                         // with four ranks, one has nothing to do
  for (const Setting& setting : settings) {
    CAPTURE(setting.tuner);
    CAPTURE(setting.verbalizer);
    const Outcome alone = run(setting, 1).at(0);
    for (const int64_t count : {2, 4}) {
      CAPTURE(count);
      const std::vector<Outcome> ranks = run(setting, count);
      check_near(alone, ranks[0]);
      REQUIRE(!ranks[0].gradients.empty());
      CHECK(ranks[0].result.report.best_dev == doctest::Approx(alone.result.report.best_dev));
      for (const Outcome& rank : ranks) {
        check_same_bits(ranks[0], rank);
        CHECK(rank.result.counters.tokens_forwarded == ranks[0].result.counters.tokens_forwarded);
      }
    }
  }
}

TEST_CASE("each rank forwards its part of the examples, and the counters are those of all ranks") {
  Setting setting;
  setting.model = "bert-mlm"; // no cached prefixes
  setting.text = "{text} It was {\"mask\"}.";
  setting.fit = steps(6);
  const std::vector<Outcome> ranks = run(setting, 2);
  const Counters alone = run(setting, 1).at(0).result.counters;
  CHECK(ranks[0].result.counters.tokens_forwarded == alone.tokens_forwarded);
}

TEST_CASE("a search of tokens distributes its candidates") {
  Setting setting{.tuner = "autoprompt",
                  .text = "{text} so{\"trigger\"}{\"trigger\"} was{\"mask\"}",
                  .options = {{"candidates", "9"}, {"iterations", "3"}},
                  .fit = steps(3)};
  const Outcome alone = run(setting, 1).at(0);
  const std::vector<Outcome> ranks = run(setting, 2);
  REQUIRE(alone.error == "");
  REQUIRE(ranks[0].error == "");
  CHECK(ranks[0].result.report.best_dev == doctest::Approx(alone.result.report.best_dev));
  check_same_bits(ranks[0], ranks[1]);
}

TEST_CASE("a rank that wants to stop stops all of them after the same step") {
  Setting setting;
  setting.fit = steps(40);
  const std::vector<Outcome> ranks =
      run(setting, 2, [](int64_t rank, int64_t step) { return rank != 1 || step < 5; });
  for (const Outcome& rank : ranks) {
    CHECK(rank.error == "");
    CHECK(rank.result.report.cancelled);
    CHECK(rank.result.report.steps == ranks[0].result.report.steps);
  }
  CHECK(ranks[0].result.report.steps <= 6);
  check_same_bits(ranks[0], ranks[1]);
}

TEST_CASE("a lost rank ends the others with one sentence, and the run resumes with any number of ranks") {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("cuecard-ranks-test-" + std::to_string(getpid()));
  Setting setting, kept;
  setting.fit = kept.fit = steps(12);
  kept.checkpoint = folder;
  const Outcome alone = run(setting, 1).at(0);
  const std::vector<Outcome> whole = run(setting, 2);
  const auto kill = [](int64_t rank, int64_t step) -> bool {
    if (rank == 1 && step == 7)
      throw std::runtime_error("killed");
    return true;
  };
  for (const int64_t resumed : {1, 2, 4}) {
    CAPTURE(resumed);
    std::filesystem::remove_all(folder);
    const std::vector<Outcome> lost = run(kept, 2, kill);
    REQUIRE(lost[0].error != "");
    CHECK(lost[1].error.find("killed") != std::string::npos);
    CHECK(
        lost[0].error ==
        "rank 0 of 2: another rank ended or does not answer (a thread ended); start all ranks again, and with "
        "--checkpoint they continue where the state was saved last.");
    int64_t first = 0;
    const std::vector<Outcome> again = run(kept, resumed, [&](int64_t rank, int64_t step) {
      if (rank == 0 && first == 0)
        first = step;
      return true;
    });
    CHECK(first == 7); // the state of step 6 was saved
    check_near(alone, again[0]);
    if (resumed == 2)
      check_same_bits(whole[0], again[0]);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("ranks with other data or settings are refused on all ranks") {
  std::vector<std::string> errors(2);
  SharedSum shared(2);
  std::vector<std::unique_ptr<Rank>> ranks;
  for (int rank = 0; rank < 2; ++rank)
    ranks.push_back(std::make_unique<Rank>(Setting{}));
  ranks[1]->train[0][3].fields["text"] = "another film";
  const auto work = [&](int64_t number) {
    Rank& rank = *ranks[static_cast<std::size_t>(number)];
    try {
      train(rank.model, {{rank.pipelines[0], rank.train[0], rank.dev[0]}}, steps(2), 5, {}, {}, {},
            {number, 2, [&](float* values, std::size_t n) { shared.add(values, n); }});
    } catch (const DataError& error) {
      errors[static_cast<std::size_t>(number)] = error.what();
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  CHECK(errors[0] ==
        "ranks 0 and 1 of 2 differ in: task \"task0\": training data; start all ranks with the same "
        "program, flags and files.");
  CHECK(errors[1] == errors[0]);
}

TEST_CASE("a rank is one of the ranks, and several need a sum") {
  Rank rank(Setting{});
  const auto start = [&](const RankPlace& place) {
    train(rank.model, {{rank.pipelines[0], rank.train[0], {}}}, steps(1), 5, {}, {}, {}, place);
  };
  CHECK_THROWS_AS(start({2, 2, [](float*, std::size_t) {}}), UsageError);
  CHECK_THROWS_AS(start({-1, 2, [](float*, std::size_t) {}}), UsageError);
  CHECK_THROWS_AS(start({0, 2, {}}), UsageError);
}
