#include "host/runs/training_task.hpp"

#include <iostream>

#include <cuecard/error.hpp>

#include "data/data_labels.hpp"
#include "data/sampler.hpp"
#include "data/split.hpp"
#include "program/failure.hpp"

namespace cuecard::host {

namespace {

std::vector<int64_t> labels_of(const std::vector<Example>& examples) {
  std::vector<int64_t> labels;
  for (const Example& example : examples)
    labels.push_back(example.label);
  return labels;
}

std::vector<Example> picked(const std::vector<Example>& examples, const std::vector<std::size_t>& indices) {
  std::vector<Example> result;
  for (const std::size_t index : indices)
    result.push_back(examples[index]);
  return result;
}

/// For a development set from the training file: its skipped records are already reported there.
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
  for (const RecordReport* report : {&rows.train_report, &rows.dev_report})
    if (const std::string summary = report->summary(); !summary.empty())
      std::cerr << "cuecard: " << summary << '\n';
  take_split(task, rows);
  take_few_shot(task, rows);
  return rows;
}

/// DataError if the task has no training data but tuner or verbalizer is trained, or no label column although
/// labels are needed to train or evaluate.
void require_data(const TaskFile& task, const std::string& tuner, const registry::Registry& plugins) {
  const auto is_trained = [&](uint32_t kind, const std::string& component) {
    return plugins.find(kind, component).component().trains != CUECARD_TRAINS_NOTHING;
  };
  const bool tuner_trains = is_trained(CUECARD_TUNER, tuner);
  const bool trains = tuner_trains || is_trained(CUECARD_VERBALIZER, task.verbalizer.component);
  const std::string trained =
      tuner_trains ? "the tuner \"" + tuner + "\"" : "the verbalizer \"" + task.verbalizer.component + "\"";
  const bool evaluates = task.dev || task.split.dev > 0 || (task.few_shot && task.few_shot->dev);
  const auto lacks = [&](const char* key, const std::string& why) {
    throw DataError(task.file.string() + ": the key \"" + key + "\" is missing, but " + why + ".");
  };
  if (!task.train && trains)
    lacks("data.train", trained + " needs training examples");
  if (!task.layout.label && !task.labels.empty() && (trains || evaluates))
    lacks("data.label", trains ? trained + " needs labelled training examples"
                               : "the evaluation on the development set needs labels");
}

/// Skipped examples in one line: how many, and the first of them with their reasons.
std::string summary_of(const std::vector<SkippedExample>& skipped, const std::string& file,
                       std::size_t examples, const std::string& what) {
  constexpr std::size_t most = 10;
  std::string text = file + ": " + std::to_string(skipped.size()) + " of " + std::to_string(examples) + " " +
                     what + " examples skipped (";
  for (std::size_t i = 0; i < skipped.size() && i < most; ++i)
    text += (i ? "; line " : "line ") + std::to_string(skipped[i].line) + ": " +
            without_full_stop(skipped[i].reason);
  return text + (skipped.size() > most ? "; ...)." : ").");
}

} // namespace

TrainingTask read_training_task(const std::string& path, const std::vector<std::string>& tuners,
                                const registry::Registry& plugins, bool strict) {
  TrainingTask task{read_task_file(path), {}};
  infer_labels_from_data(task.file);
  for (const std::string& tuner : tuners)
    require_data(task.file, tuner, plugins);
  task.rows = read_rows(task.file, strict);
  return task;
}

void set_option(ComponentChoice& choice, const std::string& name, const std::string& value) {
  std::erase_if(choice.set, [&](const auto& known) { return known.first == name; });
  choice.set.emplace_back(name, value);
}

PipelineChoice choice_of(const TaskFile& task, const std::string& tuner,
                         const std::vector<std::pair<std::string, std::string>>& set, uint64_t seed) {
  PipelineChoice choice;
  choice.name = task.name;
  choice.prompt_template = {task.prompt_template.component, task.prompt_template.set};
  set_option(choice.prompt_template, "text", task.template_text);
  choice.verbalizer = {task.verbalizer.component, task.verbalizer.set};
  choice.tuner.component = tuner;
  for (const auto& [name, value] : set) {
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
  choice.limit.truncate = truncate_of_name(task.truncate).value();
  choice.seed = seed;
  choice.metric = task.metric;
  return choice;
}

void require_kind_of_labels(const TaskFile& task, const TaskPipeline& pipeline, const TaskRows& rows) {
  if (pipeline.labels.empty())
    return;
  const std::string verbalizer = "the verbalizer \"" + pipeline.record.verbalizer.component + "\"";
  for (const auto* part : {&rows.train, &rows.dev})
    for (const Example& example : *part) {
      if (!pipeline.labels_words() && example.label < 0 && !example.word_labels.empty())
        throw DataError(
            task.file.string() + ": \"data.label\" is a list of labels, one for each word, but " + verbalizer +
            " predicts one label per example; name a column with one label, or a verbalizer of words.");
      if (pipeline.labels_words() && example.label >= 0)
        throw DataError(task.file.string() + ": \"data.label\" is one label per example, but " + verbalizer +
                        " labels words; name a column with a list of labels, or another verbalizer.");
    }
}

void report_skipped(const TaskRows& rows, bool strict) {
  const auto report = [&](const std::vector<SkippedExample>& skipped, const std::string& file,
                          std::size_t count, const std::string& what) {
    if (skipped.empty())
      return;
    if (strict)
      throw DataError(file + ", line " + std::to_string(skipped[0].line) +
                      ": the example can't be used: " + without_full_stop(skipped[0].reason) + ".");
    const std::string text = summary_of(skipped, file, count, what);
    if (&skipped == &rows.skipped.train && skipped.size() == count)
      throw DataError(text);
    std::cerr << "cuecard: " << text << '\n';
  };
  report(rows.skipped.train, rows.train_report.file, rows.train.size(), "training");
  report(rows.skipped.dev, rows.dev_report.file, rows.dev.size(), "development");
}

} // namespace cuecard::host
