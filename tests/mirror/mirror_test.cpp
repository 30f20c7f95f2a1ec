// Models and training on a device that is not the CPU: the same numbers, nothing that mixes devices, and no
// optimizer step that waits for the device.
#include <cmath>
#include <optional>

#include <ATen/ATen.h>

#include <cuecard/tuner.hpp>

#include "engine/predictor.hpp"
#include "engine/train.hpp"
#include "mirror_device.hpp"
#include "recorded.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr double tolerance = 1e-5;
constexpr int64_t steps = 4;

Model model_on(const std::string& name, const at::Device& device) {
  return Model::load(golden / "models" / name, plugins(), {device, at::kFloat});
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kCPU) - b.to(at::kCPU)).abs().max().item<double>();
}

/// The engine of a run, watched from the first batch of the first step until the batches of the last: in
/// between, the gradient loop may not even read a loss.
class WatchedEngine final : public Engine {
public:
  explicit WatchedEngine(Engine& engine) : engine_(engine) {}

  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    if (step == 0)
      watch_.emplace();
    if (step == steps - 1)
      watch_.reset();
    watched += watch_.has_value();
    return engine_.training_batches(task, step);
  }
  int64_t steps_per_epoch(int64_t task) const override { return engine_.steps_per_epoch(task); }
  at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning) override {
    return engine_.loss(task, batch, conditioning);
  }
  double evaluate_dev(int64_t task) override { return engine_.evaluate_dev(task); }
  at::Tensor trigger_gradient(int64_t task, const Batch& batch) override {
    return engine_.trigger_gradient(task, batch);
  }
  at::Tensor trigger_losses(int64_t task, const Batch& batch, int64_t slot,
                            const std::vector<int64_t>& candidates) override {
    return engine_.trigger_losses(task, batch, slot, candidates);
  }
  void progress(int64_t step, int64_t of, double loss, double dev) override {
    engine_.progress(step, of, loss, dev);
  }
  at::Tensor score(const std::vector<const Example*>& examples, const Readout& readout,
                   std::vector<int64_t>* offsets) override {
    return engine_.score(examples, readout, offsets);
  }
  at::Tensor score_blank(const Readout& readout) override { return engine_.score_blank(readout); }
  const FitSettings& settings() const override { return engine_.settings(); }
  Problem& problem() override { return engine_.problem(); }

  int64_t watched = 0; ///< steps

private:
  Engine& engine_;
  std::optional<mirror::Watch> watch_;
};

/// A tuner whose fit is watched; `reads` makes it one that waits for the device in every step.
class WatchedTuner final : public Tuner {
public:
  WatchedTuner(std::shared_ptr<Tuner> tuner, bool reads) : tuner_(std::move(tuner)), reads_(reads) {}

  void prepare(const Problem& problem) override { tuner_->prepare(problem); }
  void edit(Prompt& prompt, const Example& example) const override { tuner_->edit(prompt, example); }
  Conditioning condition(int64_t task) const override {
    Conditioning conditioning = tuner_->condition(task);
    if (reads_)
      (void)conditioning.embeddings.sum().item<float>();
    return conditioning;
  }
  std::vector<ParameterGroup> parameters() override { return tuner_->parameters(); }
  FitSettings defaults(const FitSettings& asked) const override { return tuner_->defaults(asked); }
  FitReport fit(Engine& engine) override {
    WatchedEngine watched(engine);
    FitReport report = Tuner::fit(watched); // the SDK's gradient loop, with this object's `condition`
    CHECK(watched.watched == steps - 1);
    return report;
  }
  TensorMap export_tensors() const override { return tuner_->export_tensors(); }
  void import_tensors(const TensorMap& tensors) override { tuner_->import_tensors(tensors); }

private:
  std::shared_ptr<Tuner> tuner_;
  bool reads_;
};

std::vector<Example> examples() {
  const std::vector<std::pair<const char*, int64_t>> texts{{"a moving drama", 0},
                                                           {"the music remains tedious", 1},
                                                           {"great cast, and funny", 0},
                                                           {"unexpectedly bad", 1},
                                                           {"a bright thriller because of the director", 0},
                                                           {"the actor is not strong", 1},
                                                           {"love it", 0},
                                                           {"leave it, simply terrible", 1}};
  std::vector<Example> result;
  for (const auto& [text, label] : texts) {
    Example& example = result.emplace_back();
    example.fields["text"] = text;
    example.label = label;
  }
  return result;
}

/// What a run is compared by.
struct Outcome {
  std::vector<float> losses;
  at::Tensor prompt;
  std::vector<double> probabilities;
};

struct Setting {
  const char* text; ///< the template
  const char* optimizer;
  const char* calibrate;
};

Outcome run(const Model& model, const Setting& setting, bool reads = false) {
  MethodChoice choice;
  choice.prompt_template.set = {{"text", setting.text}};
  choice.verbalizer.set = {{"multi-token-handler", "mean"}, {"calibrate", setting.calibrate}};
  choice.tuner.component = "prompt-tuning";
  choice.tuner.set = {{"weight-decay", "0.01"}};
  choice.labels = {"good", "bad"};
  choice.label_words = {{"great", "moving"}, {"tedious", "bad"}};
  const std::vector<Example> rows = examples();
  Method method = make_method(model, plugins(), choice, &rows);
  if (model.backbone().device().type() != at::kCPU)
    method.tuner = std::make_shared<WatchedTuner>(method.tuner, reads);

  FitSettings settings;
  settings.steps = settings.evaluate_every = steps; // one look, at the end
  settings.batch_size = 5;
  settings.batch_tokens = 60; // several batches a step
  settings.clip = 0.1;        // which they are
  settings.learning_rate = 0.02;
  settings.optimizer = setting.optimizer;
  Outcome outcome;
  outcome.losses = train(model, method, rows, rows, settings, 7).report.losses;
  outcome.prompt = method.tuner->export_tensors().at("prompt").to(at::kCPU);

  std::vector<const Example*> asked;
  for (const Example& row : rows)
    asked.push_back(&row);
  Predictor predictor(model, {&method});
  for (const Prediction& prediction : predictor.predict(asked)) {
    REQUIRE(prediction.problem.empty());
    outcome.probabilities.insert(outcome.probabilities.end(), prediction.probabilities.begin(),
                                 prediction.probabilities.end());
  }
  return outcome;
}

constexpr Setting in_front{"Review: {text} It was {mask}", "adamw", "none"};

void check_same(const std::string& name, const Setting& setting) {
  CAPTURE(name);
  CAPTURE(setting.text);
  const Outcome here = run(model_on(name, at::kCPU), setting);
  const Outcome there = run(model_on(name, mirror::device), setting);
  REQUIRE(there.losses.size() == static_cast<std::size_t>(steps));
  REQUIRE(here.losses.size() == there.losses.size());
  for (std::size_t step = 0; step < here.losses.size(); ++step)
    CHECK(std::abs(here.losses[step] - there.losses[step]) < tolerance);
  CHECK(largest_difference(here.prompt, there.prompt) < tolerance);
  REQUIRE(here.probabilities.size() == there.probabilities.size());
  for (std::size_t i = 0; i < here.probabilities.size(); ++i)
    CHECK(std::abs(here.probabilities[i] - there.probabilities[i]) < tolerance);
}

Side moved(Side side, const at::Device& device) {
  for (at::Tensor* tensor : {&side.ids, &side.positions, &side.segments, &side.soft_rows, &side.soft_slots})
    if (tensor->defined())
      *tensor = tensor->to(device);
  return side;
}

} // namespace

TEST_CASE("training steps wait for nothing, and training and prediction are the CPU's") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm"})
    check_same(name, in_front);
}

TEST_CASE("the same with learned rows inside the text, behind rows that are kept from step to step") {
  check_same("llama-tied",
             {"Review: {text} {\"soft\": \"all in all\"} {\"soft\"} {mask}", "adafactor", "blank"});
}

TEST_CASE("a tuner that waits for the device is caught") {
  CHECK_THROWS_WITH(run(model_on("llama-tied", mirror::device), in_front, true),
                    doctest::Contains("makes the host wait"));
}

TEST_CASE("hidden states and what is read of them are transformers'") {
  for (const char* name : {"llama-tied", "llama-untied", "bert-mlm", "bert-plain"}) {
    CAPTURE(name);
    const Model model = model_on(name, mirror::device);
    const BackboneShape& shape = model.backbone().shape();
    const Recording recording(golden / "models" / name / "outputs.safetensors");
    std::vector<int64_t> all;
    for (int64_t row = 0; row < recording["ids"].size(0); ++row)
      all.push_back(row);
    Batch batch = packed(recording, all, shape.family == "bert");
    batch.input.soft_rows = batch.input.soft_slots = at::arange(batch.input.rows());
    batch.input = moved(batch.input, mirror::device);
    batch.answer_rows = batch.answer_rows.to(mirror::device);
    Conditioning conditioning;
    conditioning.embeddings = model.backbone().embedding_rows(batch.input.ids).set_requires_grad(true);

    const at::Tensor probe = recording[shape.pools ? "hidden_probe" : "hidden"].to(mirror::device);
    at::Tensor hidden, values;
    {
      const mirror::Watch watch;
      hidden = model.backbone().forward({batch, conditioning});
      values =
          model.backbone().read(hidden, {shape.pools ? Readout::Kind::pooled : Readout::Kind::log_probs, {}});
      ((hidden * probe).sum() + values.mean()).backward();
    }
    CHECK(largest_difference(hidden.detach(), recording["hidden"]) < 1e-4);
    if (shape.pools) {
      const at::Tensor firsts = at::tensor(batch.input.offsets, at::kLong).slice(0, 0, -1);
      CHECK(largest_difference(values.detach().cpu().index_select(0, firsts), recording["pooled"]) < 1e-4);
    } else {
      CHECK(largest_difference(values.detach(), recording["log_probs"]) < 1e-4);
    }
    CHECK(conditioning.embeddings.grad().cpu().isfinite().all().item<bool>());
  }
}
