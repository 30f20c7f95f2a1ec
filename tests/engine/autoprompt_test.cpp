// AutoPrompt on the tiny models: its candidates are those that a direct computation ranks first, accepted
// tokens lower the exact loss, it finds the best token, and its card is a plain prompt.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <cuecard/error.hpp>

#include "conformance/spied_tuner.hpp"
#include "trigger_task.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr const char* models[] = {"llama-tied", "bert-mlm"};

using Set = std::vector<std::pair<std::string, std::string>>;

TaskPipeline searching(const Model& model, int64_t slots, Set options, uint64_t seed = 1) {
  return two_label_pipeline(
      model, "m", trigger_template(model, "{\"trigger\": None, \"duplicate\": " + std::to_string(slots) + "}"),
      "autoprompt", std::move(options), seed);
}

FitRequest steps_of(int64_t steps, int64_t batch_size) {
  FitRequest request;
  request.steps = steps;
  request.batch_size = batch_size;
  return request;
}

/// One iteration, as the engine sees it.
struct Iteration {
  at::Tensor gradient; ///< summed
  at::Tensor triggers; ///< at its beginning
  at::Tensor tried;    ///< tokens at `slot`: the one in place and the candidates
  at::Tensor kept;     ///< triggers at its end
  int64_t slot = -1;
  std::vector<int64_t> steps;   ///< batches that were drawn
  double before = 0, after = 0; ///< exact loss of the evaluation batches
};

class Spy final : public PassingEngine {
public:
  Spy(Engine& engine, const Tuner& tuner, std::vector<Iteration>& iterations)
      : PassingEngine(engine), tuner_(tuner), iterations_(iterations) {}

  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    now_.steps.push_back(step);
    return engine_.training_batches(task, step);
  }
  at::Tensor gradient(int64_t task, const Batch& batch, const Conditioning& with) override {
    const at::Tensor own = PassingEngine::gradient(task, batch, with);
    now_.gradient = now_.gradient.defined() ? now_.gradient + own : own.clone();
    now_.triggers = with.triggers.clone();
    return own;
  }
  CandidateScores scores(int64_t task, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                         const Conditioning& with) override {
    now_.slot = slot;
    now_.tried = candidates.clone();
    batches_.push_back(batch);
    return PassingEngine::scores(task, batch, slot, candidates, with);
  }
  void progress(int64_t step, int64_t steps, double loss, double dev) override {
    const at::NoGradGuard no_grad;
    now_.kept = tuner_.condition({}).triggers.clone();
    Conditioning old;
    old.triggers = now_.triggers;
    for (const Batch& batch : batches_) {
      now_.before += engine_.loss(0, batch, old, {}).item<double>() * static_cast<double>(batch.size());
      now_.after +=
          engine_.loss(0, batch, tuner_.condition({}), {}).item<double>() * static_cast<double>(batch.size());
    }
    iterations_.push_back(std::move(now_));
    now_ = {};
    batches_.clear();
    engine_.progress(step, steps, loss, dev);
  }

private:
  const Tuner& tuner_;
  std::vector<Iteration>& iterations_;
  Iteration now_;
  std::vector<Batch> batches_;
};

std::vector<Iteration> spied_run(const Model& model, TaskPipeline& pipeline,
                                 const std::vector<Example>& examples, const FitRequest& request) {
  std::vector<Iteration> iterations;
  pipeline.tuner = std::make_shared<SpiedTuner>(pipeline.tuner, [&](Engine& engine, const Tuner& tuner) {
    return std::make_unique<Spy>(engine, tuner, iterations);
  });
  train(model, {{pipeline, examples, {}}}, request, 1);
  return iterations;
}

} // namespace

TEST_CASE("candidates are the tokens that a direct computation ranks first") {
  for (const char* name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    TaskPipeline pipeline =
        searching(model, 3, {{"candidates", "7"}, {"accumulation", "2"}, {"filter", "false"}});
    const std::vector<Example> examples = word_examples(24, 41);
    const std::vector<Iteration> iterations = spied_run(model, pipeline, examples, steps_of(6, 5));
    REQUIRE(iterations.size() == 6);
    const int64_t rows = model.vocabulary().size();
    const at::Tensor table =
        model.backbone().token_vectors(TokenTable::input, at::arange(rows)).to(at::kDouble);
    for (const Iteration& iteration : iterations) {
      const at::Tensor old = table[iteration.triggers[iteration.slot].item<int64_t>()];
      // (e_w - e_old) G, the whole first-order change of the loss.
      const at::Tensor change = (table - old).mul(iteration.gradient[iteration.slot].to(at::kDouble)).sum(1);
      REQUIRE(iteration.tried.size(0) == 8);
      CHECK(iteration.tried[0].item<int64_t>() == iteration.triggers[iteration.slot].item<int64_t>());
      const at::Tensor found = change.index_select(0, iteration.tried.slice(0, 1));
      at::Tensor rest = change.clone();
      rest.index_fill_(0, iteration.tried, INFINITY);
      CHECK(found.max().item<double>() <= rest.min().item<double>() + 1e-6);
      CHECK(std::set<int64_t>(iteration.steps.begin(), iteration.steps.end()).size() == 4);
    }
  }
}

TEST_CASE("accepted tokens lower the exact loss, one slot at a time") {
  for (const char* name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    TaskPipeline pipeline = searching(model, 3, {{"candidates", "10"}, {"accumulation", "2"}});
    const std::vector<Example> examples = word_examples(24, 42);
    const std::vector<Iteration> iterations = spied_run(model, pipeline, examples, steps_of(20, 8));
    int64_t accepted = 0;
    for (std::size_t i = 0; i < iterations.size(); ++i) {
      const Iteration& iteration = iterations[i];
      const at::Tensor changed = iteration.kept.ne(iteration.triggers);
      if (i + 1 < iterations.size())
        CHECK(iterations[i + 1].triggers.equal(iteration.kept));
      if (changed.sum().item<int64_t>() == 0)
        continue;
      ++accepted;
      CHECK(changed.sum().item<int64_t>() == 1);
      CHECK(changed[iteration.slot].item<bool>());
      CHECK(iteration.after < iteration.before * (1 + 1e-6)); // both are packed differently than the candidates
    }
    CHECK(accepted >= 3);
    CHECK(iterations.back().after < iterations.front().before);
  }
}

TEST_CASE("the best single token is found, by all candidates at once and by few at a time") {
  for (const char* name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(16, 43);
    const std::vector<const Example*> all = pointers(examples);
    TaskPipeline exhaustive =
        searching(model, 1, {{"candidates", "100000"}, {"accumulation", "1"}, {"filter", "false"}});
    double best = INFINITY, worst = -INFINITY;
    for (int64_t id = 0; id < model.vocabulary().size(); ++id) {
      const double loss = exact_loss(model, exhaustive, {id}, all).sum;
      best = std::min(best, loss);
      worst = std::max(worst, loss);
    }
    train(model, {{exhaustive, examples, {}}}, steps_of(1, 16), 1);
    const double found = exact_loss(model, exhaustive, exhaustive.prompt_template->triggers(), all).sum;
    CHECK(std::abs(found - best) < 1e-4);

    TaskPipeline guided =
        searching(model, 1, {{"candidates", "10"}, {"accumulation", "1"}, {"filter", "false"}});
    train(model, {{guided, examples, {}}}, steps_of(30, 16), 1);
    const double near = exact_loss(model, guided, guided.prompt_template->triggers(), all).sum;
    CAPTURE(best);
    CAPTURE(worst);
    CHECK(near - best < 0.25 * (worst - best));
  }
}

TEST_CASE("the card is a plain prompt that needs no tuner and predicts the same") {
  for (const char* name : models) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> examples = word_examples(24, 44), dev = word_examples(20, 45);
    TaskPipeline pipeline = searching(model, 2, {{"accumulation", "2"}});
    const TrainResult result = train(model, {{pipeline, examples, dev}}, steps_of(6, 8), 1);
    CHECK(result.report.plain_prompt);
    CHECK(result.report.losses.size() == 6);
    const auto searched = Predictor(model, {&pipeline}).predict(pointers(dev));
    keep_plain_prompt(pipeline, model, plugins(), result.report.label_words);
    const Card card = to_card(pipeline, model);
    CHECK(card.tuner.component == "manual");
    CHECK(card.tuner.options.values().empty());
    CHECK(card.tuner_state.empty());
    CHECK(card.training.settings.text("tuner") == "autoprompt");
    CHECK(card.training.settings.integer("tuner.accumulation") == 2);
    std::string ids;
    for (const int64_t id : pipeline.prompt_template->triggers())
      ids += (ids.empty() ? "" : " ") + std::to_string(id);
    CHECK(card.training.settings.text("trigger-ids") == ids);
    for (const int64_t id : pipeline.prompt_template->triggers())
      CHECK(card.template_source.find(model.vocabulary().piece(id)) != std::string::npos);
    const TaskPipeline again = pipeline_from_card(model, plugins(), card);
    CHECK(again.prompt_template->triggers() == pipeline.prompt_template->triggers());
    const auto kept = Predictor(model, {&pipeline}).predict(pointers(dev)),
               loaded = Predictor(model, {&again}).predict(pointers(dev));
    int64_t right = 0;
    for (std::size_t i = 0; i < dev.size(); ++i) {
      for (std::size_t label = 0; label < 2; ++label) {
        CHECK(std::abs(searched[i].decision.probabilities[label] - kept[i].decision.probabilities[label]) <
              1e-5);
        CHECK(kept[i].decision.probabilities[label] == loaded[i].decision.probabilities[label]);
      }
      right += loaded[i].label() == dev[i].label;
    }
    CHECK(result.report.best_dev == static_cast<double>(right) / 20);
  }
}

namespace {

/// Saves the state after each iteration; starts from a saved one, when there is one; stops after `stop`
/// iterations.
class Interrupting final : public PassingEngine {
public:
  Interrupting(Engine& engine, TensorMap& saved, int64_t stop)
      : PassingEngine(engine), saved_(saved), stop_(stop) {}
  TensorMap resume() override { return saved_; }
  void checkpoint(int64_t step, const std::function<TensorMap()>& state) override {
    if (step <= stop_)
      saved_ = state();
  }
  void progress(int64_t step, int64_t, double, double) override {
    if (step == stop_)
      throw Cancelled();
  }

private:
  TensorMap& saved_;
  int64_t stop_;
};

} // namespace

TEST_CASE("an interrupted search resumes with the same result") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(24, 46), dev = word_examples(10, 47);
  const auto run = [&](TensorMap& saved, int64_t stop) {
    TaskPipeline pipeline = searching(model, 3, {{"accumulation", "1"}, {"restarts", "2"}});
    pipeline.tuner = std::make_shared<SpiedTuner>(pipeline.tuner, [&](Engine& engine, const Tuner&) {
      return std::make_unique<Interrupting>(engine, saved, stop);
    });
    const TrainResult result = train(model, {{pipeline, examples, dev}}, steps_of(5, 8), 1);
    return std::pair{pipeline.prompt_template->triggers(), result.report.losses};
  };
  TensorMap none, saved;
  const auto whole = run(none, 1000);
  CHECK(whole.second.size() == 10);
  for (const int64_t stop : {3, 5, 7}) {
    saved.clear();
    run(saved, stop);
    CHECK(run(saved, 1000) == whole);
  }
}

TEST_CASE("templates without a trigger slot, and with soft slots, are refused") {
  const Model model = tiny_model("llama-tied");
  CHECK_THROWS_WITH_AS(two_label_pipeline(model, "m", "{text} so{\"mask\"}", "autoprompt"),
                       doctest::Contains("no trigger slot"), UsageError);
  CHECK_THROWS_WITH_AS(
      two_label_pipeline(model, "m", "{text} {\"soft\"} {\"trigger\"}{\"mask\"}", "autoprompt"),
      doctest::Contains("soft slots"), UsageError);
}
