#include "host/training_run.hpp"

#include <algorithm>
#include <cmath>

#include <cuecard/error.hpp>

#include "engine/dev_metric.hpp"
#include "host/interrupt.hpp"
#include "host/progress.hpp"
#include "host/table.hpp"
#include "metrics/metrics.hpp"
#include "metrics/task_metric.hpp"
#include "registry/options.hpp"

namespace cuecard::host {

namespace {

Options recorded(const FitSettings& settings) {
  Options options;
  options.set("steps", settings.steps);
  options.set("epochs", settings.epochs);
  options.set("least-steps", settings.least_steps);
  options.set("decay", settings.decay);
  options.set("learning-rate", settings.learning_rate);
  options.set("batch-size", settings.batch_size);
  options.set("batch-tokens", settings.batch_tokens);
  options.set("warmup", settings.warmup);
  options.set("clip", settings.clip);
  options.set("evaluate-every", settings.evaluate_every);
  options.set("patience", settings.patience);
  options.set("optimizer", settings.optimizer);
  options.set("schedule", settings.schedule);
  return options;
}

/// A card's tuner options are where the new run begins; what was set by hand wins.
std::vector<std::pair<std::string, std::string>> continued_options(const Card& from, const RunChoice& choice,
                                                                   const registry::Registry& plugins) {
  if (from.tuner.component != choice.tuner)
    throw UsageError("--from " + from.name + ": the card was learned with the tuner \"" + from.tuner.component +
                     "\", and --tuner says \"" + choice.tuner + "\"; name the same one.");
  const registry::Entry entry = plugins.find(CUECARD_TUNER, choice.tuner);
  auto set = registry::as_text(entry.component(), from.tuner.options);
  set.insert(set.end(), choice.set.begin(), choice.set.end());
  return set;
}

/// The tuner takes what the card learned; so does the verbalizer where it is the same one for the same labels.
void go_on_from(const Card& from, Method& method, const Model& model) {
  check_identity(from, model.identity());
  method.tuner->import_learned(from.tuner_learned);
  const CardComponent &here = method.record.verbalizer, &there = from.verbalizer;
  if (!from.verbalizer_learned.empty() && here.component == there.component && here.plugin == there.plugin &&
      method.labels == from.labels)
    method.verbalizer->import_learned(from.verbalizer_learned);
}

CardMetric dev_metric(double value, int64_t rows, const Method& method, const TaskRows& of) {
  CardMetric metric;
  metric.name = method.metric;
  metric.n = rows;
  metric.value = value;
  if (is_share(metric.name) && !method.labels_words()) { // words of one sentence are no independent draws
    const Interval interval = wilson95(std::llround(metric.value * static_cast<double>(metric.n)), metric.n);
    metric.low = interval.low;
    metric.high = interval.high;
  }
  metric.data_sha256 = of.dev_report.sha256;
  metric.file = std::filesystem::path(of.dev_report.file).filename().string();
  return metric;
}

Card finished_card(const Model& model, const registry::Registry& plugins, Method& method,
                   const TrainResult& result, std::size_t task, const TaskRows& rows, const Values& values) {
  CardTraining& training = method.record.training;
  training.steps = result.report.steps;
  training.best_step = result.report.best_step;
  training.seconds = result.seconds;
  training.examples = std::ssize(rows.train) - std::ssize(rows.unusable.train);
  training.settings = recorded(method.tuner->defaults(settings_of(values)));
  if (task < result.dev.size() && std::isfinite(result.dev[task]))
    method.record.metrics.push_back(dev_metric(result.dev[task], result.dev_rows.at(task), method, rows));
  if (result.report.plain_prompt)
    keep_plain_prompt(method, model, plugins, result.report.label_words);
  return to_card(method, model);
}

bool same_lines(const UnusableRows& a, const UnusableRows& b) {
  const auto same = [](const std::vector<UnusableRow>& x, const std::vector<UnusableRow>& y) {
    return std::ranges::equal(x, y, {}, &UnusableRow::line, &UnusableRow::line);
  };
  return same(a.train, b.train) && same(a.dev, b.dev);
}

TrainResult learn(const Model& model, std::vector<Method>& methods, std::vector<TrainingTask>& tasks,
                  const RunChoice& choice, const Values& values) {
  TrainResult result;
  std::vector<TrainTask> learned;
  for (std::size_t i = 0; i < tasks.size(); ++i)
    learned.push_back({methods[i], tasks[i].rows.train, tasks[i].rows.dev});
  if (tasks.size() == 1 && tasks[0].rows.train.empty()) {
    PredictSettings passes;
    passes.batch_tokens = values.integer("batch-tokens", passes.batch_tokens);
    result.counters = fit_verbalizer(model, methods[0], {}, passes);
    return result;
  }
  ProgressBar bar(choice.title, 0, values.given("quiet"));
  std::string dev_note;
  const auto progress = [&](int64_t step, int64_t steps, double loss, double dev) {
    if (std::isfinite(dev))
      dev_note = "  dev " + percent(dev);
    bar.show(step, steps, "loss " + rounded(loss, 4) + dev_note);
    return !Interruptible::requested();
  };
  const auto left_out = [&](std::size_t task, const UnusableRows& unusable) {
    TaskRows& rows = tasks[task].rows;
    const bool told = same_lines(rows.unusable, unusable); // by another seed's run
    rows.unusable = unusable;
    if (!told)
      tell_unusable(rows, values.given("strict"));
  };
  return train(model, learned, settings_of(values), choice.seed, progress, left_out,
               {choice.checkpoint, values.integer("checkpoint-every")});
}

} // namespace

FitSettings settings_of(const Values& values) {
  FitSettings settings;
  settings.steps = values.integer("steps");
  settings.epochs = values.number("epochs");
  settings.learning_rate = values.number("lr");
  settings.batch_size = values.integer("batch-size");
  settings.batch_tokens = values.integer("batch-tokens");
  settings.warmup = values.number("warmup", -1);
  settings.clip = values.number("clip", -1);
  settings.evaluate_every = values.integer("evaluate-every");
  settings.patience = values.integer("patience", -1);
  settings.optimizer = values.text("optimizer");
  settings.schedule = values.text("schedule");
  return settings;
}

TrainedRun run_training(const Model& model, const registry::Registry& plugins, std::vector<TrainingTask>& tasks,
                        const RunChoice& choice, const Values& values) {
  const auto set = choice.from ? continued_options(*choice.from, choice, plugins) : choice.set;
  std::vector<MethodChoice> choices;
  std::vector<const std::vector<Example>*> rows;
  for (const TrainingTask& task : tasks) {
    choices.push_back(choice_of(task.file, choice.tuner, set, choice.seed));
    rows.push_back(&task.rows.train);
  }
  std::vector<Method> methods = make_methods(model, plugins, choices, rows);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    require_metric(methods[i]);
    require_kind_of_labels(tasks[i].file, methods[i], tasks[i].rows);
  }
  if (choice.from)
    go_on_from(*choice.from, methods.at(0), model);

  TrainedRun run;
  run.seed = choice.seed;
  run.result = learn(model, methods, tasks, choice, values);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    run.parameters.push_back(methods[i].parameters());
    run.cards.push_back(finished_card(model, plugins, methods[i], run.result, i, tasks[i].rows, values));
  }
  return run;
}

int64_t frozen_parameters(const Model& model) {
  int64_t count = 0;
  for (const auto& [name, tensor] : model.backbone().weights())
    count += tensor.numel();
  return count;
}

} // namespace cuecard::host
