#include "engine/train/train.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <ATen/ops/equal.h>

#include <cuecard/error.hpp>

#include "engine/train/training_engine.hpp"
#include "registry/guard.hpp"

namespace cuecard {

namespace {

/// Whether the state of a component changed.
bool differ(const ComponentState& a, const ComponentState& b) {
  return a.texts != b.texts || !std::ranges::equal(a.tensors, b.tensors, [](const auto& x, const auto& y) {
           return x.first == y.first && x.second.sizes() == y.second.sizes() && at::equal(x.second, y.second);
         });
}

} // namespace

Counters fit_verbalizer(const Model& model, TaskPipeline& pipeline, const std::vector<const Example*>& train,
                        const PredictSettings& settings, VerbalizerFitArgs::Moment moment,
                        const std::vector<const Example*>& dev) {
  const bool before = moment == VerbalizerFitArgs::Moment::before_training;
  Predictor predictor(model, {&pipeline}, settings);
  if (before)
    pipeline.verbalizer->calibrate(predictor.scorer());
  pipeline.verbalizer->fit({predictor.scorer(), train, moment, before ? std::vector<const Example*>() : dev});
  return predictor.counters();
}

namespace {

/// A state that can't be saved or loaded is found before training: the guards check what `state` returns.
void try_states(const std::vector<TaskToTrain>& tasks, const Model& model) {
  for (const TaskToTrain& task : tasks)
    if (task.plugins)
      try_card(task.pipeline, model, *task.plugins);
    else
      states_of(task.pipeline);
}

constexpr const char* nothing_done = "Nothing is kept, because no step was finished.";
constexpr const char* nothing_kept =
    "Nothing is kept, because no evaluation that the tuner reported left a state that a card can hold.";
constexpr const char* can_resume = "The run can be resumed from its checkpoint with the same command.";

/// Rethrows the error that is being handled, with a sentence on what becomes of the run.
[[noreturn]] void rethrow_with(const std::string& note) {
  const auto with_note = [&](const std::string& text) {
    return text + (text.ends_with('.') ? " " : ". ") + note;
  };
  try {
    throw;
  } catch (const PluginError& error) {
    const std::string text = with_note(registry::text_without_names(error));
    if (error.plugin().empty())
      throw PluginError(text);
    throw PluginError(error.plugin(), error.component(), error.method(), text);
  } catch (const DataError& error) {
    throw DataError(with_note(error.what()));
  }
}

Error::Kind kind_of(const std::exception& error) {
  const auto* const known = dynamic_cast<const Error*>(&error);
  return known && known->kind() == Error::Kind::plugin ? Error::Kind::plugin : Error::Kind::data;
}

/// The failure of a result, unless it has an earlier one.
void report_failure(TrainResult& result, const std::string& what, const std::exception& error) {
  if (!result.report.failure.empty())
    return;
  result.report.failure = what + registry::sentence_of(error.what());
  result.failure_kind = kind_of(error);
}

/// The verbalizers' last fit, a failure of which does not lose the training of the tuner. Returns whether it changed them, so that
/// evaluations during training are not those of the cards.
bool fit_after_training(TrainingEngine& engine, const std::vector<TaskToTrain>& tasks, TrainResult& result) {
  std::vector<ComponentState> before;
  try {
    for (const TaskToTrain& task : tasks) {
      ComponentState state = task.pipeline.verbalizer->state();
      for (auto& [name, tensor] : state.tensors)
        tensor = tensor.clone(); // it may share storage with what is trained further
      before.push_back(std::move(state));
    }
    engine.fit_verbalizers(VerbalizerFitArgs::Moment::after_training);
    bool changed = false;
    for (std::size_t task = 0; task < tasks.size(); ++task)
      changed = changed || differ(before[task], tasks[task].pipeline.verbalizer->state());
    return changed;
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception& error) {
    for (std::size_t task = 0; before.size() == tasks.size() && task < tasks.size(); ++task)
      tasks[task].pipeline.verbalizer->load_state(before[task]);
    result.verbalizer_failure = registry::sentence_of(error.what());
    report_failure(result, "the verbalizer could not be fitted after training: ", error);
    return false;
  }
}

/// The metrics of the trained cards. A failure of them loses no card, unless other ranks wait for this one.
void evaluate_all(TrainingEngine& engine, std::size_t tasks, bool alone, TrainResult& result) {
  try {
    for (std::size_t task = 0; task < tasks; ++task)
      result.dev[task] = engine.evaluate_dev(static_cast<int64_t>(task));
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception& error) {
    if (!alone)
      throw;
    result.dev.assign(tasks, NAN);
    report_failure(result, "the trained cards could not be evaluated: ", error);
  }
}

/// The report and metrics of the evaluation at which states were kept, as those of the card of task `task`.
void report_kept(TrainResult& result, std::size_t task) {
  const KeptStates& kept = result.kept;
  result.report.best_step = kept.step;
  result.report.best_dev = kept.dev;
  result.dev.at(task) = kept.tasks.size() == 1 ? kept.dev : NAN; // a mean is of no single task
}

/// Where `fit` failed after an evaluation, the result is the states of that evaluation. False if there are none that a card can do
/// with: those of a search without a state are in the template or the label words, and it is not known which.
bool fall_back(const TrainingEngine& engine, const std::exception& error, TrainResult& result) {
  const KeptStates& kept = result.kept;
  if (kept.tasks.empty() ||
      std::ranges::any_of(kept.tasks, [](const ComponentStates& states) { return states.tuner.empty(); }))
    return false;
  result.fit_failed = true;
  result.report.steps = std::max(kept.step, engine.steps_done());
  result.report.settings = recorded(engine.settings());
  report_failure(result, "", error);
  result.dev.resize(kept.tasks.size());
  for (std::size_t task = 0; task < kept.tasks.size(); ++task)
    report_kept(result, task);
  return true;
}

/// Rethrows the error of a `fit` that left nothing to keep.
[[noreturn]] void rethrow_fit(const TrainingEngine& engine, const TrainResult& result) {
  if (engine.steps_done() == 0 && !result.resumable)
    rethrow_with(nothing_done);
  try {
    throw;
  } catch (const PluginError&) { // after a DataError, the same command would fail again
    if (engine.steps_done() == 0)
      throw;
    rethrow_with(result.resumable ? can_resume : nothing_kept);
  }
}

TrainResult train_on(RankGroup& ranks, const Model& model, const std::vector<TaskToTrain>& tasks,
                     const FitRequest& request, uint64_t seed, const Progress& progress,
                     const OnPrepared& on_prepared, const Checkpointing& checkpointing) {
  TrainResult result;
  Tuner& tuner = *tasks.at(0).pipeline.tuner;
  Problem problem{model.backbone(), model.vocabulary(), {}, seed, {}, {}};
  for (const TaskToTrain& task : tasks)
    problem.tasks.push_back({task.pipeline.name, *task.pipeline.prompt_template, *task.pipeline.verbalizer,
                             task.pipeline.labels, &task.train, &task.dev, task.pipeline.metric,
                             task.pipeline.record.multi_label});
  TrainingEngine engine(model, tasks, tuner.defaults(request), problem, progress, on_prepared, ranks, result);
  const bool checkpoint = !checkpointing.directory.empty() && ranks.writes();
  if (checkpoint || ranks.several()) {
    RunIdentity run = describe_run(model, engine.settings(), seed);
    for (const TaskToTrain& task : tasks)
      describe_task(run, task.pipeline, task.train, task.dev);
    if (checkpoint)
      engine.use_checkpoint(checkpointing, run);
    ranks.require_same(without_initial_states(std::move(run)));
  }
  engine.fit_verbalizers(VerbalizerFitArgs::Moment::before_training);
  try_states(tasks, model);
  try {
    result.report = tuner.fit(engine);
  } catch (const UsageError&) {
    throw;
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception& error) {
    ranks.require_all(); // a tuner's guard would blame the tuner
    if (dynamic_cast<const DataError*>(&error) && !ranks.several())
      if (const std::optional<PluginError> cause = engine.cause_of_failure()) {
        try {
          throw PluginError(*cause);
        } catch (const PluginError&) {
          rethrow_fit(engine, result);
        }
      }
    if (ranks.several() || !fall_back(engine, error, result))
      rethrow_fit(engine, result);
    engine.finish();
    return result;
  }
  ranks.require_all();
  const bool changed = fit_after_training(engine, tasks, result);
  result.dev.assign(tasks.size(), result.report.best_dev);
  if (tasks.size() > 1 || changed)
    evaluate_all(engine, tasks.size(), !ranks.several(), result);
  engine.finish();
  return result;
}

} // namespace

TrainResult train(const Model& model, const std::vector<TaskToTrain>& tasks, const FitRequest& request,
                  uint64_t seed, const Progress& progress, const OnPrepared& on_prepared,
                  const Checkpointing& checkpointing, const RankPlace& place) {
  RankGroup ranks(place);
  try {
    return train_on(ranks, model, tasks, request, seed, progress, on_prepared, checkpointing);
  } catch (const std::exception&) {
    ranks.require_all(); // a tuner's guard would blame the tuner
    throw;
  }
}

namespace {

/// The card of the last state, or of the kept one.
Card saved_card(const TaskPipeline& pipeline, const Model& model, std::size_t task, TrainResult& result) {
  if (result.fit_failed)
    return to_card(pipeline, model, result.kept.tasks.at(task));
  try {
    return to_card(pipeline, model);
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception& error) {
    const KeptStates& kept = result.kept;
    FitReport& report = result.report;
    if (kept.tasks.empty() || report.plain_prompt)
      rethrow_with(result.resumable ? can_resume : nothing_kept);
    report_failure(result, "the trained state could not be saved: ", error);
    report_kept(result, task);
    return to_card(pipeline, model, kept.tasks.at(task));
  }
}

} // namespace

Card trained_card(const TaskPipeline& pipeline, const Model& model, std::size_t task, TrainResult& result) {
  Card card = saved_card(pipeline, model, task, result);
  card.verbalizer_failure = result.verbalizer_failure;
  return card;
}

} // namespace cuecard
