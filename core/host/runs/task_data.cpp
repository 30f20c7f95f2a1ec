#include "host/runs/task_data.hpp"

#include <cuecard/error.hpp>

#include "data/data_labels.hpp"
#include "data/naming_place.hpp"
#include "data/sampling/sample_checks.hpp"
#include "data/sampling/sampler.hpp"
#include "data/sampling/split.hpp"
#include "engine/pipeline_components.hpp"
#include "host/output/messages.hpp"
#include "host/output/record_messages.hpp"
#include "program/failure.hpp"

namespace cuecard::host {

namespace {

std::vector<int64_t> labels_of(const std::vector<Example>& examples) {
  std::vector<int64_t> labels;
  labels.reserve(examples.size());
  for (const Example& example : examples)
    labels.push_back(example.label);
  return labels;
}

std::vector<Example> picked(const std::vector<Example>& examples, const std::vector<std::size_t>& indices) {
  std::vector<Example> result;
  result.reserve(indices.size());
  for (const std::size_t index : indices)
    result.push_back(examples[index]);
  return result;
}

/// Marks an example in a list of labels; no label has this number.
constexpr int64_t taken = -2;

/// For a development set from the training file: its skipped records are already reported there.
void take_report(TaskExamples& examples) {
  examples.dev_report = examples.train_report;
  examples.dev_report.skipped.clear();
}

void take_split(const TaskFile& task, TaskExamples& examples) {
  if (task.split.dev <= 0)
    return;
  const auto parts = split(examples.train, {1 - task.split.dev, task.split.dev}, task.split.seed);
  examples.dev = picked(examples.train, parts[1]);
  examples.train = picked(examples.train, parts[0]);
  require_both_parts(task, examples.train, examples.dev);
  take_report(examples);
}

void warn(const std::string& sentence) {
  if (!sentence.empty())
    messages() << "cuecard: " << sentence << '\n';
}

void take_few_shot(const TaskFile& task, TaskExamples& examples) {
  if (!task.few_shot)
    return;
  const TaskFewShot& few = *task.few_shot;
  warn(sample_shortage(task, labels_of(examples.train), few.train, "few_shot", "training examples"));
  if (few.dev && examples.dev.empty()) {
    const FewShot both = sample_with_dev(labels_of(examples.train), few.train, *few.dev, few.seed);
    if (both.dev.empty())
      throw DataError(task.file.string() + ": \"few_shot\" takes all " + std::to_string(examples.train.size()) +
                      " training examples and leaves none for \"few_shot.dev\"; ask for fewer, or give a file "
                      "\"data.dev\".");
    std::vector<int64_t> left = labels_of(examples.train);
    for (const std::size_t index : both.train)
      left[index] = taken;
    std::erase(left, taken);
    warn(sample_shortage(task, left, *few.dev, "few_shot.dev", "examples left for development"));
    examples.dev = picked(examples.train, both.dev);
    examples.train = picked(examples.train, both.train);
    take_report(examples);
    return;
  }
  examples.train = picked(examples.train, sample(labels_of(examples.train), few.train, few.seed));
  if (!few.dev)
    return;
  warn(sample_shortage(task, labels_of(examples.dev), *few.dev, "few_shot.dev", "development examples"));
  examples.dev = picked(examples.dev, sample(labels_of(examples.dev), *few.dev, few.seed));
}

TaskExamples read_task_examples(const TaskFile& task, const ReadSettings& settings) {
  TaskExamples examples;
  const LabelIndex labels(task.labels);
  if (task.train)
    examples.train = read_examples(*task.train, task.layout, labels, settings, examples.train_report);
  if (task.dev)
    examples.dev = read_examples(*task.dev, task.layout, labels, settings, examples.dev_report);
  for (const RecordReport* report : {&examples.train_report, &examples.dev_report})
    print_messages(*report);
  take_split(task, examples);
  take_few_shot(task, examples);
  return examples;
}

/// DataError if the task has no training data but tuner or verbalizer is trained, or no label column although
/// labels are needed to train or evaluate. Returns whether one of them is trained.
bool require_data(const TaskFile& task, const std::string& tuner, const registry::Registry& plugins) {
  const auto is_trained = [&](uint32_t kind, const std::string& component) {
    return plugins.find(kind, component).component().trains != CUECARD_TRAINS_NOTHING;
  };
  const bool tuner_trains = is_trained(CUECARD_TUNER, tuner);
  const bool trains = tuner_trains || naming_place(task.file, [&] {
                        return is_trained(CUECARD_VERBALIZER, task.verbalizer.component);
                      });
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
  return trains;
}

} // namespace

TaskData read_task_data(const std::string& path, const std::vector<std::string>& tuners,
                        const registry::Registry& plugins, const ReadSettings& settings) {
  TaskData task{read_task_file(path), {}};
  infer_labels_from_data(task.file);
  bool trains = false;
  for (const std::string& tuner : tuners)
    trains = require_data(task.file, tuner, plugins) || trains;
  task.examples = read_task_examples(task.file, settings);
  if (trains)
    warn(missing_labels(task.file, task.examples.train));
  return task;
}

namespace {

/// The component with its options that name files or cards resolved.
ComponentChoice chosen_in(const TaskFile& task, uint32_t kind, const TaskComponent& named,
                          const registry::Registry& plugins) {
  ComponentChoice choice{named.component, named.set};
  if (choice.set.empty())
    return choice;
  const registry::Entry entry = naming_place(task.file, [&] { return plugins.find(kind, named.component); });
  for (const OptionInfo& option : entry.component().options)
    for (auto& [name, value] : choice.set)
      if (name == option.name && !value.empty() && (option.type == CUECARD_FILE || option.type == CUECARD_CARD))
        value = task.resolved(value).string();
  return choice;
}

} // namespace

PipelineChoice choice_of(const TaskFile& task, const std::string& tuner,
                         const std::vector<std::pair<std::string, std::string>>& set, uint64_t seed,
                         const registry::Registry& plugins) {
  PipelineChoice choice;
  choice.name = task.name;
  choice.prompt_template = chosen_in(task, CUECARD_TEMPLATE, task.prompt_template, plugins);
  naming_place(task.file, [&] {
    const registry::Entry entry = plugins.find(CUECARD_TEMPLATE, choice.prompt_template.component);
    set_template_text(choice.prompt_template, entry.component(), task.template_text);
  });
  choice.verbalizer = chosen_in(task, CUECARD_VERBALIZER, task.verbalizer, plugins);
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
    choice.label_values.push_back(label.values);
  }
  choice.multi_label = task.layout.multi_label;
  choice.negative_label = task.negative_label;
  if (task.layout != RecordLayout())
    choice.columns = task.layout;
  choice.limit.max_length = task.max_length;
  choice.limit.truncate = truncate_of_name(task.truncate).value();
  choice.seed = seed;
  choice.metric = task.metric;
  return choice;
}

void require_kind_of_labels(const TaskFile& task, const TaskPipeline& pipeline, const TaskExamples& examples) {
  if (pipeline.labels.empty())
    return;
  const std::string verbalizer = "the verbalizer \"" + pipeline.record.verbalizer.component + "\"";
  for (const auto* part : {&examples.train, &examples.dev})
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

void report_skipped(const TaskExamples& examples, const ReadSettings& settings) {
  const auto report = [&](const std::vector<SkippedExample>& skipped, const std::string& file,
                          std::size_t count, const std::string& what) {
    if (skipped.empty())
      return;
    if (settings.strict)
      throw DataError(file + ", line " + std::to_string(skipped[0].line) +
                      ": the example can't be used: " + without_full_stop(skipped[0].reason) + ".");
    std::vector<SkippedRecord> records;
    records.reserve(skipped.size());
    for (const SkippedExample& each : skipped)
      records.push_back({each.line, without_full_stop(each.reason)});
    const auto total = static_cast<int64_t>(count);
    const std::string text = skipped_sentence(records, total, file, what, 10);
    if (&skipped == &examples.prepared.skipped_train && skipped.size() == count)
      throw DataError(text);
    if (!settings.allow_skipped)
      refuse_too_many(records, total, file, what);
    messages() << "cuecard: " << text << '\n';
  };
  report(examples.prepared.skipped_train, examples.train_report.file, examples.train.size(),
         "training examples");
  report(examples.prepared.skipped_dev, examples.dev_report.file, examples.dev.size(), "development examples");
}

} // namespace cuecard::host
