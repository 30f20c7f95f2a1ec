#include "host/runs/training_run.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <cuecard/error.hpp>

#include "data/naming_place.hpp"
#include "engine/train/dev_metric.hpp"
#include "host/crash.hpp"
#include "host/input/input_rows.hpp"
#include "host/interrupt.hpp"
#include "host/output/messages.hpp"
#include "host/output/table.hpp"
#include "host/runs/cut_context.hpp"
#include "host/runs/progress.hpp"
#include "metrics/metrics.hpp"
#include "metrics/task_metric.hpp"
#include "program/failure.hpp"
#include "program/one_line.hpp"
#include "registry/guard.hpp"
#include "registry/options.hpp"

namespace cuecard::host {

namespace {

/// The card's tuner options, overridden by those set for this run.
std::vector<std::pair<std::string, std::string>> continued_options(const Card& from, const RunChoice& choice,
                                                                   const registry::Registry& plugins) {
  if (from.tuner.component != choice.tuner)
    throw UsageError("--from " + from.name + ": the card was trained with the tuner \"" + from.tuner.component +
                     "\", but --tuner is \"" + choice.tuner + "\"; give the same tuner.");
  const registry::Entry entry = plugins.find(CUECARD_TUNER, choice.tuner);
  auto set = registry::as_text(entry.component(), from.tuner.options);
  set.insert(set.end(), choice.set.begin(), choice.set.end());
  return set;
}

/// Loads the card's state into the tuner, and into the verbalizer if it is the same one with the same labels.
void continue_from(const Card& from, TaskPipeline& pipeline, const Model& model) {
  check_identity(from, model.identity());
  pipeline.tuner->load_state(from.tuner_state);
  const CardComponent &here = pipeline.record.verbalizer, &there = from.verbalizer;
  if (!from.verbalizer_state.empty() && here.component == there.component && here.plugin == there.plugin &&
      pipeline.labels == from.labels)
    pipeline.verbalizer->load_state(from.verbalizer_state);
}

/// "dropout=0.2 instead of 0.1": the tuner's options that differ from the card's.
std::string changed_options(const Card& from, const Options& options, const registry::Entry& tuner) {
  const ComponentInfo& component = tuner.component();
  const auto of_card = registry::as_text(component, from.tuner.options);
  const auto before = registry::as_text(component, registry::complete(component, of_card));
  const auto now = registry::as_text(component, options);
  std::string list;
  for (std::size_t i = 0; i < now.size(); ++i) // both are complete
    if (now[i].second != before[i].second)
      list += (list.empty() ? "" : ", ") + now[i].first + "=" + one_line(now[i].second) + " instead of " +
              one_line(before[i].second);
  return list;
}

/// A tuner may check its state against its options, but need not: what it makes of an option may be frozen, and not in the card.
void report_changed_options(const Card& from, const Options& options, const registry::Entry& tuner,
                            const std::string& place) {
  if (const std::string changed = changed_options(from, options, tuner); !changed.empty())
    messages() << "cuecard: warning: --from " << place
               << ": the card is trained further with other options: " << changed
               << "; it may not fit them. Leave out --set to keep the card's.\n";
}

CardMetric dev_metric(double value, int64_t examples, const TaskPipeline& pipeline, const TaskExamples& of) {
  CardMetric metric;
  metric.name = pipeline.metric;
  metric.n = examples;
  metric.value = value;
  if (is_proportion(metric.name) &&
      !pipeline.labels_words()) { // words of one sentence are not independent samples
    const Interval interval = wilson95(std::llround(metric.value * static_cast<double>(metric.n)), metric.n);
    metric.low = interval.low;
    metric.high = interval.high;
  }
  metric.data_sha256 = of.dev_report.sha256;
  metric.file = std::filesystem::path(of.dev_report.file).filename().string();
  return metric;
}

Card finished_card(const Model& model, const registry::Registry& plugins, TaskPipeline& pipeline,
                   TrainResult& result, std::size_t task, const TaskExamples& examples) {
  pipeline.record.training.settings = result.report.settings;
  if (result.report.plain_prompt)
    keep_plain_prompt(pipeline, model, plugins, result.report.label_words);
  Card card = trained_card(pipeline, model, task, result);
  CardTraining& training = card.training;
  training.steps = result.report.steps;
  training.best_step = result.report.best_step;
  training.seconds = result.seconds;
  training.examples = std::ssize(examples.train) - std::ssize(examples.prepared.skipped_train);
  if (task < result.dev.size() && std::isfinite(result.dev[task]))
    card.metrics.push_back(dev_metric(result.dev[task], result.dev_examples.at(task), pipeline, examples));
  return card;
}

bool same_skipped(const PreparedExamples& a, const PreparedExamples& b) {
  const auto same = [](const std::vector<SkippedExample>& x, const std::vector<SkippedExample>& y) {
    return std::ranges::equal(x, y, {}, &SkippedExample::line, &SkippedExample::line);
  };
  return same(a.skipped_train, b.skipped_train) && same(a.skipped_dev, b.skipped_dev);
}

/// Reports what the runs of other seeds have not reported, according to `before`.
void report_prepared(TaskExamples& examples, const PreparedExamples& now, const TaskPipeline& pipeline,
                     const Model& model, const ReadSettings& settings) {
  const PreparedExamples before = std::exchange(examples.prepared, now);
  if (!same_skipped(before, now))
    report_skipped(examples, settings);
  if (!(before.cut_train == now.cut_train))
    report_cut(now.cut_train,
               cut_context(pipeline, model, examples.train_report.file, "training examples", task_max_length));
  if (!(before.cut_dev == now.cut_dev))
    report_cut(now.cut_dev,
               cut_context(pipeline, model, examples.dev_report.file, "development examples", task_max_length));
}

TrainResult train_all(const Model& model, const registry::Registry& plugins,
                      std::vector<TaskPipeline>& pipelines, std::vector<TaskData>& tasks,
                      const RunChoice& choice, const Values& values,
                      std::vector<std::pair<int64_t, double>>& dev_curve) {
  TrainResult result;
  std::vector<TaskToTrain> train_tasks;
  for (std::size_t i = 0; i < tasks.size(); ++i)
    train_tasks.push_back({pipelines[i], tasks[i].examples.train, tasks[i].examples.dev, &plugins});
  if (tasks.size() == 1 && tasks[0].examples.train.empty()) {
    PredictSettings passes;
    passes.batch_tokens = values.integer("batch-tokens", passes.batch_tokens);
    result.counters = fit_verbalizer(model, pipelines[0], {}, passes);
    std::vector<const Example*> dev;
    for (const Example& example : tasks[0].examples.dev)
      dev.push_back(&example);
    if (pipelines[0].record.multi_label && !dev.empty()) // the threshold
      result.counters +=
          fit_verbalizer(model, pipelines[0], {}, passes, VerbalizerFitArgs::Moment::after_training, dev);
    return result;
  }
  const TrainingHost& host = choice.host;
  ProgressBar bar(choice.title, 0, values.given("quiet") || host.progress || !host.place.writes());
  std::string dev_note;
  const auto progress = [&](int64_t step, int64_t steps, double loss, double dev) {
    if (std::isfinite(dev)) {
      dev_note = "  dev " + percent(dev);
      dev_curve.emplace_back(step, dev);
    }
    if (*choice.after_crash)
      say_after_crash(choice.after_crash);
    bar.show(step, steps, "loss " + rounded(loss, 4) + dev_note);
    return host.progress ? host.progress(step, steps, loss, dev) : !Interruptible::requested();
  };
  const auto on_prepared = [&](std::size_t task, const PreparedExamples& prepared) {
    report_prepared(tasks[task].examples, prepared, pipelines[task], model, labelled_rows(values));
  };
  const auto say = [](const std::string& sentence) { messages() << "cuecard: " << one_line(sentence) << '\n'; };
  return train(model, train_tasks, requested(values), choice.seed, progress, on_prepared,
               {choice.checkpoint, values.integer("checkpoint-every"), say}, host.place);
}

/// A warning about what a run's failure means for its card.
void report_failure_of(const TrainedRun& run, const RunChoice& choice) {
  const FitReport& report = run.result.report;
  if (!report.failure.empty())
    messages() << "cuecard: warning: " << choice.title << ": the tuner \"" << choice.tuner
               << "\" stopped after " << report.steps << (report.steps == 1 ? " step" : " steps")
               << ", and the "
               << (std::isfinite(report.best_dev) ? "best state so far, of step " : "state of step ")
               << report.best_step << (std::isfinite(report.best_dev) ? "" : ", which was not evaluated")
               << ", is kept: " << one_line(without_full_stop(registry::sentence_of(report.failure))) << ".\n";
}

} // namespace

FitRequest requested(const Values& values) {
  if (values.given("steps") && values.given("epochs"))
    throw UsageError("--steps and --epochs both say how long to train; give one of them.");
  FitRequest request;
  const auto integer = [&](const char* flag) {
    return values.given(flag) ? std::optional(values.integer(flag)) : std::nullopt;
  };
  const auto number = [&](const char* flag) {
    return values.given(flag) ? std::optional(values.number(flag)) : std::nullopt;
  };
  const auto text = [&](const char* flag) {
    return values.given(flag) ? std::optional(values.text(flag)) : std::nullopt;
  };
  request.steps = integer("steps");
  request.epochs = number("epochs");
  request.learning_rate = number("lr");
  request.batch_size = integer("batch-size");
  request.batch_tokens = integer("batch-tokens");
  request.warmup = number("warmup");
  request.clip = number("clip");
  request.evaluate_every = integer("evaluate-every");
  request.patience = integer("patience");
  request.optimizer = text("optimizer");
  request.schedule = text("schedule");
  return request;
}

/// DataError for a field of the template that no training example has, which is usually a misspelling.
void require_fields(const TaskData& task, const TaskPipeline& pipeline) {
  const std::vector<Example>& examples = task.examples.train;
  for (const std::string& field :
       examples.empty() ? std::vector<std::string>() : pipeline.prompt_template->fields()) {
    const bool meta = field.starts_with("meta.");
    const std::string name = meta ? field.substr(5) : field;
    if (std::ranges::any_of(examples, [&](const Example& example) {
          return meta ? example.meta.contains(name)
                      : example.fields.contains(name) || example.words.contains(name);
        }))
      continue;
    std::vector<std::string> known;
    for (const auto& [other, text] : meta ? examples[0].meta : examples[0].fields)
      known.push_back(other);
    for (const auto& [other, words] : examples[0].words)
      if (!meta)
        known.push_back(other);
    std::string list;
    for (const std::string& other : known)
      list += (list.empty() ? "\"" : ", \"") + other + "\"";
    const std::string near = name.size() < 3 ? "" : nearest(name, known); // any two letters would match
    throw DataError(
        task.file.file.string() + ": the template uses the " + (meta ? "side data \"" : "field \"") + name +
        "\", which no training example has" + (near.empty() ? "" : "; did you mean \"" + near + "\"?") +
        (near.empty() ? "; they have " + (list.empty() ? "none" : list) + "." : " They have " + list + "."));
  }
}

/// Settings that a task can't follow are errors; a prompt that ignores its input is a warning, once for all seeds.
void check_tasks(const std::vector<TaskData>& tasks, const std::vector<TaskPipeline>& pipelines,
                 const RunChoice& choice, const Values& values) {
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    require_fields(tasks[i], pipelines[i]);
    if (values.given("patience") && tasks[i].examples.dev.empty())
      throw UsageError("--patience needs a development set, and task \"" + pipelines[i].name +
                       "\" has none; give \"dev\" or \"split\" in its task file, or omit --patience.");
    if (pipelines[i].prompt_template->fields().empty() &&
        choice.seed == static_cast<uint64_t>(values.integer("seed")))
      messages()
          << "cuecard: warning: the template of task \"" << pipelines[i].name
          << "\" has no field, so all its prompts are the same; write a field in braces, such as {text}.\n";
  }
}

/// The pipelines of the tasks. Their errors name the task files, except those of the tuner's options, which are flags.
std::vector<TaskPipeline> pipelines_of(const Model& model, const registry::Registry& plugins,
                                       const std::vector<TaskData>& tasks,
                                       const std::vector<PipelineChoice>& choices) {
  std::string files;
  std::vector<const std::vector<Example>*> examples;
  for (const TaskData& task : tasks) {
    files += (files.empty() ? "" : ", ") + task.file.file.string();
    examples.push_back(&task.examples.train);
  }
  const ComponentChoice& tuner = choices.at(0).tuner;
  const registry::Entry entry = plugins.find(CUECARD_TUNER, tuner.component);
  registry::require_used(entry.component(), registry::complete(entry.component(), tuner.set));
  return naming_place(files, [&] { return make_pipelines(model, plugins, choices, examples); });
}

TrainedRun run_training(const Model& model, const registry::Registry& plugins, std::vector<TaskData>& tasks,
                        const RunChoice& choice, const Values& values) {
  const auto set = choice.from ? continued_options(*choice.from, choice, plugins) : choice.set;
  std::vector<PipelineChoice> choices;
  choices.reserve(tasks.size());
  for (const TaskData& task : tasks)
    choices.push_back(choice_of(task.file, choice.tuner, set, choice.seed, plugins));
  std::vector<TaskPipeline> pipelines = pipelines_of(model, plugins, tasks, choices);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    require_metric(pipelines[i]);
    require_kind_of_labels(tasks[i].file, pipelines[i], tasks[i].examples);
  }
  check_tasks(tasks, pipelines, choice, values);
  if (choice.from) {
    naming_place(values.text("from"), [&] { continue_from(*choice.from, pipelines.at(0), model); });
    if (choice.seed == static_cast<uint64_t>(values.integer("seed")) && choice.host.place.writes())
      report_changed_options(*choice.from, pipelines.at(0).record.tuner.options,
                             plugins.find(CUECARD_TUNER, choice.tuner), values.text("from"));
  }
  for (std::size_t i = 0; i < pipelines.size() && choice.host.place.writes(); ++i) // found before training
    check_card_space(choice.places.at(i), card_size(pipelines[i]));

  TrainedRun run;
  run.seed = choice.seed;
  run.result = train_all(model, plugins, pipelines, tasks, choice, values, run.dev_curve);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    run.parameters.push_back(pipelines[i].parameters());
    run.cards.push_back(finished_card(model, plugins, pipelines[i], run.result, i, tasks[i].examples));
  }
  report_failure_of(run, choice);
  return run;
}

int64_t frozen_parameters(const Model& model) {
  int64_t count = 0;
  for (const auto& [name, tensor] : model.backbone().weights())
    count += tensor.numel();
  return count;
}

} // namespace cuecard::host
