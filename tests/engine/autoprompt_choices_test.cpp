// Which tokens AutoPrompt keeps, with an engine whose measurements the test sets: only candidates that are
// better, the best on the development set, the best of several searches.
#include <ATen/ATen.h>

#include <cmath>

#include "conformance/spied_tuner.hpp"
#include "trigger_task.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Triggers = std::vector<int64_t>;

struct Script {
  std::vector<double> dev = {}; ///< of each evaluation, in order; empty: as measured
  double gain = 1;              ///< how much lower each candidate's loss is than that of the token in its place
  /// Tokens in the slots at each evaluation, the last one included.
  std::vector<Triggers> evaluated = {};
};

/// All candidates are equally good: the first is taken when they are better than the token in place.
class Scripted final : public PassingEngine {
public:
  Scripted(Engine& engine, const Tuner& tuner, Script& script)
      : PassingEngine(engine), tuner_(tuner), script_(script) {}

  CandidateScores scores(int64_t, const Batch&, int64_t, const at::Tensor& candidates,
                         const Conditioning&) override {
    at::Tensor loss = at::full(candidates.sizes(), 5 - script_.gain, at::kFloat);
    loss[0] = 5;
    return {loss, at::zeros_like(loss)};
  }
  double evaluate_dev(int64_t task) override {
    script_.evaluated.push_back(list_of(tuner_.condition({}).triggers));
    const std::size_t last = script_.evaluated.size() - 1;
    return last < script_.dev.size() ? script_.dev[last] : engine_.evaluate_dev(task);
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
  TaskPipeline pipeline =
      two_label_pipeline(model, "m", trigger_template(model, "{\"trigger\": None, \"duplicate\": 2}"),
                         "autoprompt", std::move(options));
  pipeline.tuner = std::make_shared<SpiedTuner>(pipeline.tuner, [&](Engine& engine, const Tuner& tuner) {
    return std::make_unique<Scripted>(engine, tuner, script);
  });
  FitRequest request;
  request.steps = iterations;
  request.batch_size = 8;
  const TrainResult result = train(model, {{pipeline, examples, {}}}, request, 1);
  return {pipeline.prompt_template->triggers(), result.report};
}

} // namespace

TEST_CASE("a candidate that is only as good as the current token is not accepted") {
  for (const char* accept : {"loss", "accuracy"}) {
    Script equal{.dev = {}, .gain = 0}, better{.dev = {}, .gain = 0x1p-20};
    searched(equal, {{"accept", accept}}, 5);
    CHECK(equal.evaluated.size() == 1); // only the last evaluation
    searched(better, {{"accept", accept}}, 5);
    CHECK(better.evaluated.size() ==
          (std::string(accept) == "loss" ? 6 : 1)); // as many examples are predicted correctly
  }
}

TEST_CASE("the trigger with the highest metric on the development set is kept, of equals the first") {
  Script script{.dev = {0.5, 0.7, 0.6, 0.9, 0.9, 0.8}};
  const Outcome outcome = searched(script, {}, 6);
  REQUIRE(script.evaluated.size() == 7);
  CHECK(script.evaluated[3] != script.evaluated[4]);
  CHECK(outcome.kept == script.evaluated[3]);
  CHECK(script.evaluated[6] == script.evaluated[3]); // what is measured at the end
  CHECK(outcome.report.best_step == 4);
}

TEST_CASE("the best result of several searches is kept, and each search starts from new tokens") {
  Script script{.dev = {0.5, 0.4, 0.3, 0.8, 0.2, 0.7}};
  const Outcome outcome = searched(script, {{"restarts", "3"}}, 2);
  REQUIRE(script.evaluated.size() == 7);
  CHECK(outcome.kept == script.evaluated[3]);
  CHECK(outcome.report.best_step == 4);
  CHECK(outcome.report.steps == 6);
  const auto differing = [&](std::size_t a, std::size_t b) {
    int64_t count = 0;
    for (std::size_t slot = 0; slot < 2; ++slot)
      count += script.evaluated[a][slot] != script.evaluated[b][slot];
    return count;
  };
  CHECK(differing(0, 1) <= 1); // within a search one slot changes
  CHECK(differing(1, 2) == 2); // the next one starts elsewhere
}
