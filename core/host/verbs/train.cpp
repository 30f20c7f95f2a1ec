#include <cmath>

#include <cuecard/error.hpp>

#include "data/readers.hpp"
#include "data/sampler.hpp"
#include "data/split.hpp"
#include "data/task_file.hpp"
#include "engine/train.hpp"
#include "host/device.hpp"
#include "host/failure.hpp"
#include "host/interrupt.hpp"
#include "host/json_line.hpp"
#include "host/loading.hpp"
#include "host/progress.hpp"
#include "host/table.hpp"
#include "host/verbs/verbs.hpp"
#include "metrics/metrics.hpp"

namespace cuecard::host {

namespace {

struct TaskRows {
  std::vector<Example> train, dev;
  RowReport train_report, dev_report; ///< of reading
  UnusableRows unusable;              ///< of those that were read
};

std::vector<int64_t> labels_of(const std::vector<Example>& examples) {
  std::vector<int64_t> labels;
  for (const Example& example : examples)
    labels.push_back(example.label);
  return labels;
}

std::vector<Example> picked(const std::vector<Example>& examples, const std::vector<std::size_t>& rows) {
  std::vector<Example> result;
  for (const std::size_t row : rows)
    result.push_back(examples[row]);
  return result;
}

/// Development rows that come from the training file: what it skipped was counted there.
void take_report(TaskRows& rows) {
  rows.dev_report = rows.train_report;
  rows.dev_report.skipped.clear();
}

void take_split(const TaskFile& task, TaskRows& rows) {
  if (task.split.dev <= 0)
    return;
  const auto parts = split(rows.train, {1 - task.split.dev, task.split.dev}, task.split.seed);
  rows.dev = picked(rows.train, parts[1]);
  rows.train = picked(rows.train, parts[0]);
  take_report(rows);
}

void take_few_shot(const TaskFile& task, TaskRows& rows) {
  if (!task.few_shot)
    return;
  const TaskFewShot& few = *task.few_shot;
  if (few.dev && rows.dev.empty()) {
    const FewShot both = sample_with_dev(labels_of(rows.train), few.train, *few.dev, few.seed);
    rows.dev = picked(rows.train, both.dev);
    rows.train = picked(rows.train, both.train);
    take_report(rows);
    return;
  }
  rows.train = picked(rows.train, sample(labels_of(rows.train), few.train, few.seed));
  if (few.dev)
    rows.dev = picked(rows.dev, sample(labels_of(rows.dev), *few.dev, few.seed));
}

TaskRows read_rows(const TaskFile& task, bool strict) {
  TaskRows rows;
  const LabelIndex labels(task.labels);
  if (task.train)
    rows.train = read_examples(*task.train, task.layout, labels, {strict, true}, rows.train_report);
  if (task.dev)
    rows.dev = read_examples(*task.dev, task.layout, labels, {strict, true}, rows.dev_report);
  for (const RowReport* report : {&rows.train_report, &rows.dev_report})
    if (const std::string summary = report->summary(); !summary.empty())
      std::cerr << "cuecard: " << summary << '\n';
  take_split(task, rows);
  take_few_shot(task, rows);
  return rows;
}

/// `--set NAME=VALUE` goes to the tuner, `--set verbalizer.NAME=VALUE` to the verbalizer, and so on. What is
/// set later wins.
void set_option(ComponentChoice& choice, const std::string& name, const std::string& value) {
  std::erase_if(choice.set, [&](const auto& known) { return known.first == name; });
  choice.set.emplace_back(name, value);
}

MethodChoice choice_of(const TaskFile& task, const Values& values) {
  MethodChoice choice;
  choice.name = task.name;
  choice.prompt_template = {task.prompt_template.component, task.prompt_template.set};
  set_option(choice.prompt_template, "text", task.template_text);
  choice.verbalizer = {task.verbalizer.component, task.verbalizer.set};
  choice.tuner.component = values.text("tuner");
  for (const auto& [name, value] : values.pairs("set")) {
    if (name.starts_with("template."))
      set_option(choice.prompt_template, name.substr(9), value);
    else if (name.starts_with("verbalizer."))
      set_option(choice.verbalizer, name.substr(11), value);
    else
      set_option(choice.tuner, name, value);
  }
  for (const TaskLabel& label : task.labels) {
    choice.labels.push_back(label.name);
    choice.label_words.push_back(label.words);
  }
  choice.limit.max_length = task.max_length;
  choice.limit.truncate = task.truncate == "head"       ? Truncate::head
                          : task.truncate == "balanced" ? Truncate::balanced
                                                        : Truncate::tail;
  choice.seed = static_cast<uint64_t>(values.integer("seed"));
  return choice;
}

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

Options recorded(const FitSettings& settings) {
  Options options;
  options.set("steps", settings.steps);
  options.set("epochs", settings.epochs);
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

/// Without training rows only what needs none can be made: a card whose tuner learns nothing. Labels that the
/// task names must stand somewhere in rows that are learned from or measured.
void require_rows(const TaskFile& task, const std::string& tuner, const registry::Registry& plugins) {
  const bool learns = plugins.find(CUECARD_TUNER, tuner).component().learns != CUECARD_LEARNS_NOTHING;
  const bool measures = task.dev || task.split.dev > 0 || (task.few_shot && task.few_shot->dev);
  const auto lacks = [&](const char* key, const std::string& why) {
    throw DataError(task.file.string() + ": the key \"" + key + "\" is missing, and " + why + ".");
  };
  if (!task.train && learns)
    lacks("data.train", "the tuner \"" + tuner + "\" learns from training rows");
  if (!task.layout.label && !task.labels.empty() && (learns || measures))
    lacks("data.label", learns ? "the tuner \"" + tuner + "\" learns from labelled rows"
                               : "development rows are measured by their labels");
}

/// A list of labels, one for each word, is nothing to learn from or to measure for a verbalizer that chooses
/// one label at a prompt's answer slots.
void require_one_label(const TaskFile& task, const Method& method, const TaskRows& rows) {
  if (method.labels.empty() || method.verbalizer->answers() == 0)
    return;
  for (const auto* part : {&rows.train, &rows.dev})
    for (const Example& example : *part)
      if (example.label < 0 && !example.word_labels.empty())
        throw DataError(
            task.file.string() +
            ": \"data.label\" is a list of labels, one for each word, and the "
            "verbalizer \"" +
            method.record.verbalizer.component +
            "\" chooses one for each row; name a column with one label, or a verbalizer that labels words.");
}

/// Rows that could not be used, in one line: how many of how many, and the first of them.
std::string told(const std::vector<UnusableRow>& unusable, const std::string& file, std::size_t rows,
                 const std::string& what) {
  constexpr std::size_t most = 10;
  std::string text = file + ": " + std::to_string(unusable.size()) + " of " + std::to_string(rows) + " " +
                     what + " rows could not be used (";
  for (std::size_t i = 0; i < unusable.size() && i < most; ++i)
    text +=
        (i ? "; line " : "line ") + std::to_string(unusable[i].line) + ": " + without_stop(unusable[i].reason);
  return text + (unusable.size() > most ? "; ...)." : ").");
}

/// With `strict` the first row that is left out ends the run before anything is learned, else the last one
/// does.
void tell_unusable(const TaskRows& rows, bool strict) {
  const auto tell = [&](const std::vector<UnusableRow>& unusable, const std::string& file, std::size_t count,
                        const std::string& what) {
    if (unusable.empty())
      return;
    if (strict)
      throw DataError(file + ", line " + std::to_string(unusable[0].line) +
                      ": the row can't be used: " + without_stop(unusable[0].reason) + ".");
    const std::string text = told(unusable, file, count, what);
    if (&unusable == &rows.unusable.train && unusable.size() == count)
      throw DataError(text);
    std::cerr << "cuecard: " << text << '\n';
  };
  tell(rows.unusable.train, rows.train_report.file, rows.train.size(), "training");
  tell(rows.unusable.dev, rows.dev_report.file, rows.dev.size(), "development");
}

TrainResult learn(const Model& model, Method& method, TaskRows& rows, const Values& values) {
  TrainResult result;
  if (rows.train.empty()) {
    PredictSettings passes;
    passes.batch_tokens = values.integer("batch-tokens", passes.batch_tokens);
    result.counters = fit_verbalizer(model, method, {}, passes);
    return result;
  }
  ProgressBar bar("train", 0, values.given("quiet"));
  std::string dev_note;
  const auto progress = [&](int64_t step, int64_t steps, double loss, double dev) {
    if (std::isfinite(dev))
      dev_note = "  dev " + percent(dev);
    bar.show(step, steps, "loss " + rounded(loss, 4) + dev_note);
    return !Interruptible::requested();
  };
  const auto left_out = [&](std::size_t, const UnusableRows& unusable) {
    rows.unusable = unusable;
    tell_unusable(rows, values.given("strict"));
  };
  return train(model, {{method, rows.train, rows.dev}}, settings_of(values),
               static_cast<uint64_t>(values.integer("seed")), progress, left_out);
}

int64_t frozen_parameters(const Model& model) {
  int64_t count = 0;
  for (const auto& [name, tensor] : model.backbone().weights())
    count += tensor.numel();
  return count;
}

CardMetric dev_metric(const TrainResult& result, const TaskRows& rows) {
  CardMetric metric;
  metric.name = "accuracy";
  metric.n = result.dev_rows.at(0);
  metric.value = result.report.best_dev;
  const Interval interval = wilson95(std::llround(metric.value * static_cast<double>(metric.n)), metric.n);
  metric.low = interval.low;
  metric.high = interval.high;
  metric.data_sha256 = rows.dev_report.sha256;
  metric.file = std::filesystem::path(rows.dev_report.file).filename().string();
  return metric;
}

Card finished_card(const Model& model, Method& method, const TrainResult& result, const TaskRows& rows,
                   const Values& values) {
  CardTraining& training = method.record.training;
  training.steps = result.report.steps;
  training.best_step = result.report.best_step;
  training.seconds = result.seconds;
  training.examples = std::ssize(rows.train) - std::ssize(rows.unusable.train);
  training.settings = recorded(method.tuner->defaults(settings_of(values)));
  if (std::isfinite(result.report.best_dev))
    method.record.metrics.push_back(dev_metric(result, rows));
  return to_card(method, model);
}

Json as_json(const Card& card, const Method& method, const Model& model, const TrainResult& result,
             const TaskRows& rows, const Values& values) {
  const auto per_second = [&](int64_t count) { return finite(static_cast<double>(count) / result.seconds); };
  Json losses = Json::array();
  for (const float loss : result.report.losses)
    losses.push_back(finite(loss));
  Json object{{"card", card.name},
              {"out", values.text("out")},
              {"tuner", card.tuner.component},
              {"parameters", method.parameters()},
              {"frozen_parameters", frozen_parameters(model)},
              {"train_examples", card.training.examples},
              {"steps", result.report.steps},
              {"best_step", result.report.best_step},
              {"stopped_early", result.report.stopped_early},
              {"cancelled", result.report.cancelled},
              {"seconds", result.seconds},
              {"examples_per_second", per_second(result.examples_seen)},
              {"tokens_per_second", per_second(result.counters.rows_forwarded)},
              {"skipped", std::ssize(rows.train_report.skipped) + std::ssize(rows.unusable.train)},
              {"dev_skipped", std::ssize(rows.dev_report.skipped) + std::ssize(rows.unusable.dev)},
              {"losses", losses}};
  if (!card.metrics.empty()) {
    const CardMetric& dev = card.metrics.back();
    object["dev"] = {{"n", dev.n}, {"accuracy", dev.value}, {"ci95", {dev.low, dev.high}}};
  }
  add_counters(object, result.counters);
  return object;
}

void print_table(const Json& object) {
  const auto number = [&](const char* key, int digits) {
    return object[key].is_null() ? std::string("-") : rounded(object[key].get<double>(), digits);
  };
  std::string dev = "-";
  if (object.contains("dev"))
    dev = percent(object["dev"]["accuracy"].get<double>()) + " (" +
          percent(object["dev"]["ci95"][0].get<double>()) + " to " +
          percent(object["dev"]["ci95"][1].get<double>()) + ", " + object["dev"]["n"].dump() + " rows)";
  std::cout << table(
      {"card", "tuner", "learned", "frozen", "steps", "seconds", "examples/s", "tokens/s", "dev accuracy"},
      {{object["card"].get<std::string>(), object["tuner"].get<std::string>(),
        grouped(object["parameters"].get<long long>()), grouped(object["frozen_parameters"].get<long long>()),
        object["steps"].dump(), number("seconds", 1), number("examples_per_second", 1),
        number("tokens_per_second", 0), dev}});
}

} // namespace

int train(const Values& values) {
  const at::Device device = open_device(values);
  check_card_place(values.text("out"));
  const registry::Registry plugins = find_plugins(values);
  const TaskFile task = read_task_file(values.text("task"));
  require_rows(task, values.text("tuner"), plugins);
  TaskRows rows = read_rows(task, values.given("strict"));
  const Model model = load_model(values, plugins, device);
  Method method = make_method(model, plugins, choice_of(task, values), &rows.train);
  require_one_label(task, method, rows);

  TrainResult result;
  {
    const Interruptible work;
    result = learn(model, method, rows, values);
    const Card card = finished_card(model, method, result, rows, values);
    save_card(card, values.text("out"));
    const Json object = as_json(card, method, model, result, rows, values);
    if (values.given("json"))
      print_line(object);
    else
      print_table(object);
  }
  if (!result.report.cancelled)
    return 0;
  std::cerr << "cuecard: stopped; " << values.text("out") << " holds the best card so far.\n";
  return exit_interrupted;
}

} // namespace cuecard::host
