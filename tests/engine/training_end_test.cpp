// How training ends: early, without improvement, or with a failure, after which the best state is kept.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include <cuecard/error.hpp>

#include "conformance/spied_tuner.hpp"
#include "engine/guarded.hpp"
#include "tasks.hpp"
#include "training_runs.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr const char* plain = "{text} It was{\"mask\"}";

} // namespace

namespace {

/// Evaluations on the development set return a script's metrics, and after its end the last of them.
class ScriptedMetrics final : public PassingEngine {
public:
  ScriptedMetrics(Engine& engine, const std::vector<double>& metrics)
      : PassingEngine(engine), metrics_(metrics) {}
  double evaluate_dev(int64_t) override { return metrics_[std::min(next_++, metrics_.size() - 1)]; }

private:
  const std::vector<double>& metrics_;
  std::size_t next_ = 0;
};

} // namespace

TEST_CASE("training stops early without improvement on the development set, and keeps the best state") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(32, 31), dev = word_examples(4, 32);
  TaskPipeline undeveloped = two_label_pipeline(model, "u", plain, "prompt-tuning");
  FitRequest impatient = few_steps(60);
  impatient.patience = 1; // without a development set nothing shows that a step brought no improvement
  CHECK(train(model, {{undeveloped, examples, {}}}, impatient, 1).report.steps == 60);
  // Only a new maximum is an improvement; among equal metrics the later state is kept.
  const std::vector<double> metrics{0.5, 0.7, 0.7, 0.6};
  for (const auto& [patience, evaluations] : {std::pair{0, 15}, {1, 3}, {2, 4}, {3, 5}}) {
    CAPTURE(patience);
    TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
    pipeline.tuner = std::make_shared<SpiedTuner>(pipeline.tuner, [&](Engine& engine, const Tuner&) {
      return std::make_unique<ScriptedMetrics>(engine, metrics);
    });
    std::vector<at::Tensor> prompts; // at each evaluation
    FitRequest request = few_steps(60);
    request.patience = patience;
    const TrainResult result =
        train(model, {{pipeline, examples, dev}}, request, 1, [&](int64_t, int64_t, double, double metric) {
          if (!std::isnan(metric))
            prompts.push_back(pipeline.tuner->state(0).tensors.at("prompt").clone());
          return true;
        });
    REQUIRE(std::ssize(prompts) == evaluations);
    CHECK(result.report.steps == 4 * evaluations);
    CHECK(result.report.stopped_early == (patience > 0));
    CHECK(result.report.best_step == 12);
    CHECK(result.report.best_dev == 0.7);
    CHECK(at::equal(pipeline.tuner->state(0).tensors.at("prompt"), prompts[2]));
    CHECK(!at::equal(prompts[1], prompts[2]));
  }
}

TEST_CASE("a loss that is NaN or infinite ends the run with one sentence") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(16, 27);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
  FitRequest settings = few_steps(30);
  settings.learning_rate = INFINITY;
  settings.clip = 0;
  CHECK_THROWS_WITH_AS(train(model, {{pipeline, examples, {}}}, settings, 1),
                       doctest::Contains("lower the learning rate"), DataError);
}

namespace {

/// Changes the loss from some step on, counted from 1.
class ChangedLoss final : public PassingEngine {
public:
  using Change = std::function<at::Tensor(const at::Tensor&)>;
  ChangedLoss(Engine& engine, int64_t from, Change change)
      : PassingEngine(engine), from_(from), change_(std::move(change)) {}
  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    changes_ = step + 1 >= from_;
    return engine_.training_batches(task, step);
  }
  at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                  const Pass& pass) override {
    const at::Tensor loss = engine_.loss(task, batch, conditioning, pass);
    return changes_ ? change_(loss) : loss;
  }

private:
  int64_t from_;
  Change change_;
  bool changes_ = false;
};

void change_loss(TaskPipeline& pipeline, int64_t from, const ChangedLoss::Change& change) {
  pipeline.tuner = std::make_shared<SpiedTuner>(pipeline.tuner, [=](Engine& engine, const Tuner&) {
    return std::make_unique<ChangedLoss>(engine, from, change);
  });
}

} // namespace

TEST_CASE("the state before training fails is kept, with and without a development set") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(32, 31), dev = word_examples(8, 32);
  const auto not_finite = [](const at::Tensor& loss) { return loss * std::nan(""); };
  const auto gone = [](const at::Tensor&) -> at::Tensor { throw std::runtime_error("the device is gone"); };
  const std::vector<std::pair<ChangedLoss::Change, std::string>> failures{
      {not_finite, "the training loss is NaN at step 11, although the trained parameters are finite: "},
      {gone, "the device is gone"}};
  for (const auto& failure : failures)
    for (const bool developed : {false, true}) {
      CAPTURE(failure.second);
      CAPTURE(developed);
      const auto run = [&](int64_t from, std::vector<at::Tensor>& prompts) {
        TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
        change_loss(pipeline, from, failure.first);
        const auto at_steps = [&](int64_t, int64_t, double, double) {
          prompts.push_back(pipeline.tuner->state(0).tensors.at("prompt").clone());
          return true;
        };
        const FitReport report = // evaluates every four steps
            train(model, {{pipeline, examples, developed ? dev : std::vector<Example>{}}}, few_steps(60), 1,
                  at_steps)
                .report;
        prompts.push_back(pipeline.tuner->state(0).tensors.at("prompt").clone());
        return report;
      };
      std::vector<at::Tensor> prompts; // after each step, and at the end
      const FitReport report = run(11, prompts);
      CHECK(report.steps == 10);
      CHECK(!report.cancelled);
      REQUIRE(prompts.size() == 11);
      REQUIRE(report.best_step > 0);
      CHECK(report.best_step % 4 == 0);
      CHECK((developed || report.best_step == 8)); // without a development set, the last evaluation's
      CHECK(at::equal(prompts.back(), prompts[static_cast<std::size_t>(report.best_step) - 1]));
      CHECK(std::isnan(report.best_dev) == !developed);
      CHECK_MESSAGE(report.failure.starts_with(failure.second), report.failure);
      // Before the first evaluation it is the last state, and before the first step there is nothing to keep.
      prompts.clear();
      const FitReport early = run(3, prompts);
      CHECK(early.steps == 2);
      CHECK(early.best_step == 2);
      CHECK(std::isnan(early.best_dev));
      CHECK(!early.failure.empty());
      REQUIRE(prompts.size() == 3);
      CHECK(at::equal(prompts[2], prompts[1]));
      CHECK(!at::equal(prompts[1], prompts[0]));
      CHECK_THROWS_WITH(run(1, prompts), doctest::Contains("Nothing is kept, because no step was finished."));
    }
}

TEST_CASE("parameters that are no longer finite are neither evaluated nor kept") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(16, 27), dev = word_examples(8, 32);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
  // The loss of step 6 is finite but its gradient is not, so the update makes the parameters NaN before the
  // next evaluation.
  change_loss(pipeline, 6, [](const at::Tensor& loss) { return loss + at::sqrt(loss * 0); });
  at::Tensor at_evaluation;
  FitRequest settings = few_steps(30);
  settings.evaluate_every = 3;
  const auto watch = [&](int64_t step, int64_t, double, double) {
    if (step == 3)
      at_evaluation = pipeline.tuner->state(0).tensors.at("prompt").clone();
    return true;
  };
  const FitReport report = train(model, {{pipeline, examples, dev}}, settings, 1, watch).report;
  CHECK(report.steps == 6);
  CHECK(report.best_step == 3);
  CHECK(report.failure.find("hold NaN or infinite values after step 6; lower the learning rate") !=
        std::string::npos);
  CHECK(at::equal(pipeline.tuner->state(0).tensors.at("prompt"), at_evaluation));
}

TEST_CASE("parameters that are no longer finite before the first evaluation are not kept either") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(16, 27), dev = word_examples(8, 32);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
  change_loss(pipeline, 3, [](const at::Tensor& loss) { return loss + at::sqrt(loss * 0); });
  at::Tensor last_finite;
  FitRequest settings = few_steps(30);
  settings.evaluate_every = 30;
  const auto watch = [&](int64_t step, int64_t, double, double) {
    if (step == 2)
      last_finite = pipeline.tuner->state(0).tensors.at("prompt").clone();
    return true;
  };
  const FitReport report = train(model, {{pipeline, examples, dev}}, settings, 1, watch).report;
  CHECK(report.steps == 3);
  CHECK(report.best_step == 2);
  CHECK(!report.failure.empty());
  CHECK(at::equal(pipeline.tuner->state(0).tensors.at("prompt"), last_finite));
}

namespace {

/// Another verbalizer, whose second fit fails after it has begun to change its state.
class FailingFit final : public Verbalizer {
public:
  explicit FailingFit(std::shared_ptr<Verbalizer> other) : other_(std::move(other)) {}

  void prepare(const VerbalizerTarget& target) override { other_->prepare(target); }
  OutputPositions output_positions() const override { return other_->output_positions(); }
  int64_t num_answer_slots() const override { return other_->num_answer_slots(); }
  OutputRequest output_request() const override { return other_->output_request(); }
  Scores score(const ScoreArgs& args) const override { return other_->score(args); }
  at::Tensor loss(const LossArgs& args) const override { return other_->loss(args); }
  std::vector<std::string> answer_text(int64_t label) const override { return other_->answer_text(label); }
  ComponentState state() const override {
    if (gone)
      throw std::runtime_error("no state");
    return {{{"fitted", at::full({1}, fitted)}}, {}};
  }
  void load_state(const ComponentState& state) override { fitted = state.tensors.at("fitted").item<double>(); }
  void fit(const VerbalizerFitArgs& args) override {
    const bool before = args.moment == VerbalizerFitArgs::Moment::before_training;
    fitted = before ? 1 : 2;
    if (!before)
      throw std::runtime_error("no prototypes");
  }

  double fitted = 0;
  bool gone = false; ///< `state` fails

private:
  std::shared_ptr<Verbalizer> other_;
};

} // namespace

TEST_CASE("the trained state is kept when the verbalizer can't be fitted after training") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(32, 31);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
  const auto failing = std::make_shared<FailingFit>(pipeline.verbalizer);
  pipeline.verbalizer = failing;
  const at::Tensor start = pipeline.tuner->state(0).tensors.at("prompt").clone();
  TrainResult result = train(model, {{pipeline, examples, {}}}, few_steps(4), 1);
  CHECK(result.report.steps == 4);
  CHECK(result.report.failure == "the verbalizer could not be fitted after training: no prototypes");
  CHECK((result.failure_kind == Error::Kind::data));
  CHECK(failing->fitted == 1);
  CHECK(trained_card(pipeline, model, 0, result).verbalizer_failure == "no prototypes");
  CHECK(!at::equal(pipeline.tuner->state(0).tensors.at("prompt"), start));
}

TEST_CASE("a verbalizer's plugin that fails after training is what the failure is about") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(32, 31);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
  pipeline.verbalizer =
      guarded(Component<Verbalizer>{std::make_shared<FailingFit>(pipeline.verbalizer), "shop", "failing"});
  TrainResult result = train(model, {{pipeline, examples, {}}}, few_steps(4), 1);
  CHECK(result.report.failure.find("plugin \"shop\", component \"failing\", fit: no prototypes") !=
        std::string::npos);
  CHECK((result.failure_kind == Error::Kind::plugin));
  CHECK(trained_card(pipeline, model, 0, result).verbalizer_failure.starts_with("plugin \"shop\""));
}

TEST_CASE("the trained state is kept when the verbalizer's state can't be read after training") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> examples = word_examples(32, 31);
  TaskPipeline pipeline = two_label_pipeline(model, "m", plain, "prompt-tuning");
  const auto failing = std::make_shared<FailingFit>(pipeline.verbalizer);
  pipeline.verbalizer = failing;
  at::Tensor kept;
  const auto break_it = [&](int64_t step, int64_t, double, double) {
    if (step == 4) {
      kept = pipeline.tuner->state(0).tensors.at("prompt").clone();
      failing->gone = true;
    }
    return true;
  };
  TrainResult result =
      train(model, {{pipeline, examples, {}}}, few_steps(8), 1, break_it); // evaluates at 4 and 8
  CHECK(result.report.best_step == 8);
  CHECK(result.report.failure == "the verbalizer could not be fitted after training: no state");
  const Card card = trained_card(pipeline, model, 0, result);
  CHECK(result.report.best_step == 4);
  CHECK(card.verbalizer_state.tensors.at("fitted").item<double>() == 1);
  CHECK(at::equal(card.tuner_state.tensors.at("prompt"), kept)); // of the same step
}
