#include "engine/train/training_engine.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/conditioning_tensors.hpp>

#include "batch/example_bytes.hpp"
#include "engine/card_mix.hpp"
#include "engine/checks/finite_check.hpp"
#include "engine/checks/returned_values.hpp"
#include "engine/predict/ensemble.hpp"
#include "engine/predict/scores.hpp"
#include "engine/tokenized_example.hpp"
#include "engine/train/dev_metric.hpp"
#include "engine/train/gradient_path.hpp"
#include "engine/train/share_out.hpp"
#include "registry/guard.hpp"
#include "registry/registry.hpp"

namespace cuecard {

namespace {

/// A search can run for long without an evaluation.
constexpr std::chrono::seconds max_checkpoint_age{30};

/// Stored beside the tuner's tensors in a checkpoint: the run's progress.
constexpr const char* seconds_name = "run.seconds";
constexpr const char* examples_name = "run.examples";

/// The guard of the tuner that called the engine adds its names.
void require_task(const char* function, int64_t task, int64_t tasks) {
  if (task < 0 || task >= tasks)
    throw Error("it called " + std::string(function) + " with task " + std::to_string(task) + "; expected " +
                (tasks == 1 ? "0, as the run has one task" : "0 to " + std::to_string(tasks - 1)));
}

void require_not_negative(const char* function, const char* argument, int64_t value) {
  if (value < 0)
    throw Error("it called " + std::string(function) + " with " + argument + " " + std::to_string(value) +
                "; expected 0 or more");
}

/// A batch that a plugin made itself may lack what the backbone needs, which would be blamed.
void require_batch(const char* function, const Batch& batch, const Model& model) {
  const at::Tensor& ids = batch.input.ids;
  const at::Device device = model.backbone().device();
  std::string found;
  if (!ids.defined() || batch.input.num_tokens() != ids.numel())
    found = "without tokens";
  else if (ids.device().type() != device.type())
    found = "on " + ids.device().str();
  else if (batch.size() == 0 || !batch.answer_tokens.defined())
    found = "without entries";
  if (!found.empty())
    throw Error("it called " + std::string(function) + " with a batch " + found +
                "; expected one that Engine::training_batches returned for the task");
}

/// Removes the number of that name; 0 if there is none.
double taken(TensorMap& state, const char* name) {
  const auto found = state.find(name);
  const double value = found == state.end() ? 0 : found->second.item<double>();
  state.erase(name);
  return value;
}

} // namespace

TrainingEngine::TrainingEngine(const Model& model, const std::vector<TaskToTrain>& tasks,
                               const FitRequest& request, Problem& problem, const Progress& progress,
                               const OnPrepared& on_prepared, RankGroup& ranks, TrainResult& result)
    : model_(model), problem_(problem), progress_(progress), ranks_(ranks), result_(result) {
  int64_t most = 0;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    PreparedExamples prepared;
    add_task(tasks[i], prepared);
    if (on_prepared)
      on_prepared(i, prepared);
    if (tasks_.back().training_set.size() == 0)
      throw DataError("none of the training examples can be used" +
                      (prepared.skipped_train.empty()
                           ? std::string(": there are none.")
                           : "; line " + std::to_string(prepared.skipped_train.front().line) + ": " +
                                 prepared.skipped_train.front().reason));
    most = std::max(most, tasks_.back().training_set.size());
  }
  settings_ = resolve(request, most);
}

void TrainingEngine::fit_verbalizers(VerbalizerFitArgs::Moment moment) {
  for (TaskInTraining& task : tasks_) {
    std::vector<const Example*> dev;
    for (const Example& example : task.dev)
      dev.push_back(&example);
    result_.counters +=
        fit_verbalizer(model_, task.pipeline, task.training_set.examples(), predict_settings(), moment, dev);
  }
}

std::vector<Batch> TrainingEngine::training_batches(int64_t task, int64_t step) {
  return step_batches("Engine::training_batches", task, step, 0, 1);
}

int64_t TrainingEngine::steps_per_epoch(int64_t task) const {
  require_task("Engine::steps_per_epoch", task, std::ssize(tasks_));
  return tasks_[static_cast<std::size_t>(task)].training_set.steps_per_epoch(settings_);
}

void TrainingEngine::rerender() {
  for (TaskInTraining& task : tasks_) {
    std::vector<SkippedExample> skipped;
    task.training_set.render(skipped);
    if (task.training_set.size() == 0)
      throw DataError("none of the training examples can be used with this template: " + skipped.at(0).reason);
  }
}

at::Tensor TrainingEngine::input_features(int64_t task, const Batch& batch) {
  require_batch("Engine::input_features", batch, model_);
  return checked_task("Engine::input_features", task).training_set.input_features(batch);
}

at::Tensor TrainingEngine::loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                                const Pass& pass) {
  const TaskInTraining& of = checked_task("Engine::loss", task);
  require_batch("Engine::loss", batch, model_);
  if (pass.training) {
    last_.task = task;
    last_.pass = pass;
  }
  require_slots(of.training_set.slots(), slots_of(conditioning), of.pipeline);
  require_late_slots(of.training_set.slots(), slots_of(conditioning), of.pipeline);
  const at::Tensor hidden = of.backbone.forward(batch, alone(conditioning, pass));
  const at::Tensor outputs = of.backbone.project(hidden, of.pipeline.verbalizer->output_request(), batch);
  Scores scores;
  at::Tensor loss;
  if (has_members(batch)) {
    loss = ensemble_loss(of.pipeline, outputs, batch, pass);
  } else {
    scores = scores_of(of.pipeline, outputs, batch, pass);
    loss = of.pipeline.verbalizer->loss({scores, batch});
  }
  if (pass.training && at::GradMode::is_enabled())
    require_gradient(of.pipeline, {conditioning, hidden, outputs, scores.values, loss});
  return loss;
}

double TrainingEngine::evaluate_dev(int64_t task) {
  const TaskInTraining& of = checked_task("Engine::evaluate_dev", task);
  evaluated_ = just_evaluated_ = true;
  if (of.dev.empty())
    return NAN;
  std::vector<int64_t> sizes;
  for (const Example& example : of.dev)
    sizes.push_back(static_cast<int64_t>(bytes_of(example)));
  const std::vector<int64_t> rank_of = shared_out(sizes, ranks_.ranks());
  std::vector<const Example*> examples, mine;
  for (std::size_t i = 0; i < of.dev.size(); ++i) {
    examples.push_back(&of.dev[i]);
    if (rank_of[i] == ranks_.rank())
      mine.push_back(&of.dev[i]);
  }
  Predictor predictor(model_, {&of.pipeline}, predict_settings());
  const std::vector<Prediction> predictions = gathered(ranks_, rank_of, predictor.predict(mine));
  result_.counters += predictor.counters();
  return dev_metric(of.pipeline, examples, predictions);
}

Scorer& TrainingEngine::scorer(int64_t task) {
  TaskInTraining& of = checked_task("Engine::scorer", task);
  drop_predictor(of);
  of.predictor =
      std::make_unique<Predictor>(model_, std::vector<const TaskPipeline*>{&of.pipeline}, predict_settings());
  return of.predictor->scorer();
}

void TrainingEngine::use_checkpoint(const Checkpointing& checkpointing, const RunIdentity& run) {
  checkpoint_.emplace(checkpointing.directory, run);
  if (checkpointing.on_remark && !checkpoint_->remark().empty())
    checkpointing.on_remark(checkpoint_->remark());
  every_ = checkpointing.every;
}

TensorMap TrainingEngine::resume() {
  TensorMap state = ranks_.from_first(checkpoint_ ? checkpoint_->read() : TensorMap());
  result_.seconds = taken(state, seconds_name);
  result_.examples_seen = static_cast<int64_t>(taken(state, examples_name));
  result_.resumable = !state.empty();
  return state;
}

void TrainingEngine::checkpoint(int64_t step, const std::function<TensorMap()>& state) {
  require_not_negative("Engine::checkpoint", "step", step);
  if (!state)
    throw Error(
        "it called Engine::checkpoint without a function; expected one that returns the state to resume from");
  steps_done_ = step;
  const auto now = std::chrono::steady_clock::now();
  const bool due = evaluated_ || (every_ > 0 && step % every_ == 0) || now - written_ > max_checkpoint_age;
  evaluated_ = false;
  if (!checkpoint_ || !due)
    return;
  TensorMap saved = state();
  saved[seconds_name] = at::scalar_tensor(seconds(), at::kDouble);
  saved[examples_name] = at::scalar_tensor(static_cast<double>(result_.examples_seen), at::kDouble);
  checkpoint_->write(saved);
  result_.resumable = true;
  written_ = std::chrono::steady_clock::now();
}

void TrainingEngine::progress(int64_t step, int64_t steps, double loss, double dev) {
  require_not_negative("Engine::progress", "step", step);
  steps_done_ = step;
  if (std::exchange(just_evaluated_, false) && !checkpoint_ && !(dev < result_.kept.dev))
    keep_states(step, dev);
  if (progress_ && !progress_(step, steps, loss, dev))
    ranks_.stop();
  if (ranks_.stopped())
    registry::GuardedCall::stop();
}

void TrainingEngine::keep_states(int64_t step, double dev) {
  const at::NoGradGuard no_grad;
  try {
    std::vector<ComponentStates> states;
    for (const TaskInTraining& task : tasks_)
      states.push_back(states_of(task.pipeline));
    result_.kept = {}; // there need not be memory for two copies
    for (ComponentStates& task : states)
      for (ComponentState* state : {&task.tuner, &task.verbalizer, &task.prompt_template})
        for (auto& [name, tensor] : state->tensors)
          tensor = tensor.detach().to(tensor.options().device(at::kCPU), /*non_blocking=*/false, /*copy=*/true);
    result_.kept = {step, dev, std::move(states)};
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception&) { // reported if it is still so when the card is made
  }
}

void* TrainingEngine::extension(std::string_view name) {
  if (name == Ranks::id)
    return ranks_.several() ? static_cast<Ranks*>(this) : nullptr;
  if (name == GuardedTuner::id)
    return static_cast<GuardedTuner*>(this);
  return name == TokenSearch::id ? static_cast<TokenSearch*>(this) : nullptr;
}

std::vector<Batch> TrainingEngine::rank_batches(int64_t task, int64_t step) {
  return step_batches("Ranks::rank_batches", task, step, ranks_.rank(), ranks_.ranks());
}

at::Tensor TrainingEngine::gradient(int64_t task, const Batch& batch, const Conditioning& conditioning) {
  const TaskInTraining& of = checked_task("TokenSearch::gradient", task);
  require_batch("TokenSearch::gradient", batch, model_);
  const at::Tensor gradient = trigger_gradient(model_, of.pipeline, of.backbone, batch, conditioning);
  ranks_.copy_from_first({gradient}); // which candidates are tried must not depend on rounding
  return gradient;
}

CandidateScores TrainingEngine::scores(int64_t task, const Batch& batch, int64_t slot,
                                       const at::Tensor& candidates, const Conditioning& conditioning) {
  TaskInTraining& of = checked_task("TokenSearch::scores", task);
  require_batch("TokenSearch::scores", batch, model_);
  if (const int64_t slots = std::ssize(of.pipeline.prompt_template->triggers()); slot < 0 || slot >= slots)
    throw Error(
        "it called TokenSearch::scores with trigger slot " + std::to_string(slot) + "; expected " +
        (slots == 0 ? "none, because the template has no trigger slot" : "0 to " + std::to_string(slots - 1)));
  const auto measured = [&](const at::Tensor& part) {
    return candidate_scores(model_, of.pipeline, of.backbone, of.training_set, batch, slot, part, conditioning,
                            settings_.batch_tokens);
  };
  if (!ranks_.several())
    return measured(candidates);
  const int64_t count = candidates.size(0), begin = count * ranks_.rank() / ranks_.ranks(),
                end = count * (ranks_.rank() + 1) / ranks_.ranks();
  at::Tensor both = at::zeros({2, count}, at::kFloat);
  if (begin < end) {
    const CandidateScores mine = measured(candidates.slice(0, begin, end));
    both[0].slice(0, begin, end).copy_(mine.loss);
    both[1].slice(0, begin, end).copy_(mine.correct);
  }
  both = ranks_.sum(both.view({-1})).view({2, count}).to(candidates.device());
  return {both[0], both[1]};
}

std::optional<PluginError> TrainingEngine::cause_of_failure() {
  if (last_.task < 0 || last_.step != 0 || steps_done_ > 0 || model_.settings().dtype != at::kFloat)
    return std::nullopt;
  try {
    const at::NoGradGuard no_grad;
    TaskInTraining& of = at(last_.task);
    const Backbone& backbone = of.pipeline.own_backbone ? *of.pipeline.own_backbone : model_.backbone();
    std::vector<at::Tensor> weights;
    for (const auto& [name, weight] : backbone.weights())
      weights.push_back(weight);
    if (!all_usual(weights))
      return std::nullopt;
    const registry::Entry& maker = model_.backbone_maker();
    const auto blamed = [&](const char* function, const std::string& what, const std::string& although) {
      return PluginError(maker.plugin->manifest.id, maker.component().name, function,
                         "it returned " + what + " with NaN or infinite values, although " + although +
                             " are finite; expected finite ones");
    };
    for (const Batch& batch : of.training_set.batches(
             0, settings_, problem_.seed + static_cast<uint64_t>(last_.task), last_.rank, last_.ranks)) {
      const Conditioning conditioning =
          of.pipeline.tuner->condition({last_.task, last_.pass, of.training_set.input_features(batch)});
      if (!all_usual(tensors_in(conditioning)))
        return std::nullopt;
      const at::Tensor hidden = of.backbone.forward(batch, alone(conditioning, last_.pass));
      if (!at::isfinite(hidden).all().item<bool>())
        return blamed("forward", "hidden states", "the model's weights and what the tuner returned");
      if (!all_usual({hidden}))
        return std::nullopt;
      const at::Tensor outputs = of.backbone.project(hidden, of.pipeline.verbalizer->output_request(), batch);
      // A target of -1 is none, and its output is unspecified.
      if (of.pipeline.verbalizer->output_request().kind != OutputRequest::Kind::target_log_probs &&
          !at::isfinite(outputs).all().item<bool>())
        return blamed("project", "outputs", "the model's weights and the hidden states");
    }
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception&) { // the failure itself says more
  }
  return std::nullopt;
}

void TrainingEngine::finish() {
  for (TaskInTraining& task : tasks_)
    drop_predictor(task);
  const std::string mine(reinterpret_cast<const char*>(&result_.counters), sizeof result_.counters);
  result_.counters = {};
  for (const std::string& text : ranks_.gather(mine)) {
    Counters counters;
    std::memcpy(&counters, text.data(), sizeof counters);
    result_.counters += counters;
  }
  result_.seconds = seconds();
}

double TrainingEngine::seconds() const {
  return result_.seconds + std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

TaskInTraining& TrainingEngine::checked_task(const char* function, int64_t task) {
  require_task(function, task, std::ssize(tasks_));
  return at(task);
}

std::vector<Batch> TrainingEngine::step_batches(const char* function, int64_t task, int64_t step, int64_t rank,
                                                int64_t ranks) {
  TrainingSet& set = checked_task(function, task).training_set;
  require_not_negative(function, "step", step);
  result_.examples_seen += set.examples_in(step, settings_);
  last_ = {-1, step, rank, ranks};
  return set.batches(step, settings_, problem_.seed + static_cast<uint64_t>(task), rank, ranks);
}

void TrainingEngine::add_task(const TaskToTrain& task, PreparedExamples& prepared) {
  const CountedBackbone backbone = task.pipeline.backbone(model_, result_.counters);
  backbones_.push_back(backbone);
  tasks_.push_back({task.pipeline,
                    backbone,
                    TrainingSet(model_, task.pipeline, backbones_.back(), task.train, prepared.skipped_train),
                    {},
                    {}});
  prepared.cut_train = tasks_.back().training_set.cut();
  for (const Example& example : task.dev) {
    try {
      const std::vector<TokenizedPrompt> prompts = tokenized(task.pipeline, model_, example);
      require_answer(task.pipeline, example);
      prepared.cut_dev.add(cut_of(prompts));
      tasks_.back().dev.push_back(example);
    } catch (const DataError& error) {
      prepared.skipped_dev.push_back({example.line, error.what()});
    }
  }
  tasks_.back().dev = measured_inputs(task.pipeline, std::move(tasks_.back().dev));
  result_.dev_examples.push_back(std::ssize(tasks_.back().dev));
}

void TrainingEngine::drop_predictor(TaskInTraining& task) {
  if (task.predictor)
    result_.counters += task.predictor->counters();
  task.predictor = nullptr;
}

} // namespace cuecard
