// What AutoPrompt keeps, with an engine whose measurements are written down: nothing that is only as good, the
// best by development rows, the best of several searches.
#include <ATen/ATen.h>

#include <cmath>

#include "spied_tuner.hpp"
#include "trigger_task.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Triggers = std::vector<int64_t>;

struct Script {
  std::vector<double> dev = {}; ///< of each look, in order; empty: as measured
  double gain = 1;              ///< how much lower each candidate's loss is than that of the token in its place
  std::vector<Triggers> looked =
      {}; ///< what stood in the slots at each look, the last one of `keep_best` included
};

/// Candidates are all as good as each other: the first is taken when they are better than what stands there.
class Scripted final : public PassingEngine {
public:
  Scripted(Engine& engine, const Tuner& tuner, Script& script)
      : PassingEngine(engine), tuner_(tuner), script_(script) {}

  TriggerScores trigger_scores(int64_t, const Batch&, int64_t, const at::Tensor& candidates,
                               const Conditioning&) override {
    at::Tensor loss = at::full(candidates.sizes(), 5 - script_.gain, at::kFloat);
    loss[0] = 5;
    return {loss, at::zeros_like(loss)};
  }
  double evaluate_dev(int64_t task) override {
    script_.looked.push_back(list_of(tuner_.condition(0, {}).triggers));
    const std::size_t look = script_.looked.size() - 1;
    return look < script_.dev.size() ? script_.dev[look] : engine_.evaluate_dev(task);
  }

private:
  const Tuner& tuner_;
  Script& script_;
};

struct Outcome {
  Triggers kept;
  FitReport report;
};

Outcome searched(Script& script, std::vector<std::pair<std::string, std::string>> options, int64_t iterations) {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(16, 71);
  options.emplace_back("accumulation", "1");
  Method method = two_label_method(model, "m", trigger_template(model, "{\"trigger\": None, \"duplicate\": 2}"),
                                   "autoprompt", std::move(options));
  method.tuner = std::make_shared<SpiedTuner>(method.tuner, [&](Engine& engine, const Tuner& tuner) {
    return std::make_unique<Scripted>(engine, tuner, script);
  });
  FitSettings settings;
  settings.steps = iterations;
  settings.batch_size = 8;
  const TrainResult result = train(model, {{method, examples, {}}}, settings, 1);
  return {method.prompt_template->triggers(), result.report};
}

} // namespace

TEST_CASE("what is only as good as what stands there is not taken") {
  for (const char* accept : {"loss", "accuracy"}) {
    Script equal{.dev = {}, .gain = 0}, better{.dev = {}, .gain = 0x1p-20};
    searched(equal, {{"accept", accept}}, 5);
    CHECK(equal.looked.size() == 1); // no look but the last
    searched(better, {{"accept", accept}}, 5);
    CHECK(better.looked.size() ==
          (std::string(accept) == "loss" ? 6 : 1)); // the rows decided rightly are as many
  }
}

TEST_CASE("the trigger with the highest value on development rows is kept, of equals the first") {
  Script script{.dev = {0.5, 0.7, 0.6, 0.9, 0.9, 0.8}};
  const Outcome outcome = searched(script, {}, 6);
  REQUIRE(script.looked.size() == 7);
  CHECK(script.looked[3] != script.looked[4]);
  CHECK(outcome.kept == script.looked[3]);
  CHECK(script.looked[6] == script.looked[3]); // what is measured at the end
  CHECK(outcome.report.best_step == 4);
}

TEST_CASE("of several searches the best is kept, and each starts afresh") {
  Script script{.dev = {0.5, 0.4, 0.3, 0.8, 0.2, 0.7}};
  const Outcome outcome = searched(script, {{"restarts", "3"}}, 2);
  REQUIRE(script.looked.size() == 7);
  CHECK(outcome.kept == script.looked[3]);
  CHECK(outcome.report.best_step == 4);
  CHECK(outcome.report.steps == 6);
  const auto differing = [&](std::size_t a, std::size_t b) {
    int64_t count = 0;
    for (std::size_t slot = 0; slot < 2; ++slot)
      count += script.looked[a][slot] != script.looked[b][slot];
    return count;
  };
  CHECK(differing(0, 1) <= 1); // within a search one slot changes
  CHECK(differing(1, 2) == 2); // the next one starts elsewhere
}
