/// A task file prepared for training: its examples, and the pipeline that it and the flags choose.
#pragma once

#include <string>
#include <vector>

#include "data/formats/readers.hpp"
#include "data/task_file.hpp"
#include "engine/task_pipeline.hpp"
#include "engine/train/train.hpp"
#include "program/values.hpp"
#include "registry/registry.hpp"

namespace cuecard::host {

struct TaskExamples {
  std::vector<Example> train, dev;
  RecordReport train_report, dev_report; ///< records skipped when reading
  PreparedExamples prepared;             ///< how the others were prepared
};

struct TaskData {
  TaskFile file;
  TaskExamples examples;
};

/// Reads the task file and its examples, split and sampled; reports skipped records on standard error.
/// DataError if the task has no training file and one of `tuners`, or the verbalizer, needs training examples.
TaskData read_task_data(const std::string& path, const std::vector<std::string>& tuners,
                        const registry::Registry& plugins, const ReadSettings& settings);

/// The pipeline of `task` with the tuner `tuner` and the options `set`: NAME=VALUE is an option of the tuner,
/// verbalizer.NAME=VALUE of the verbalizer, template.NAME=VALUE of the template. Later values win. Options of the task file that
/// name files or cards are relative to it, those of `set` to the working directory.
PipelineChoice choice_of(const TaskFile& task, const std::string& tuner,
                         const std::vector<std::pair<std::string, std::string>>& set, uint64_t seed,
                         const registry::Registry& plugins);

/// DataError if examples have one label per word and the verbalizer predicts one label per example, or vice
/// versa.
void require_kind_of_labels(const TaskFile& task, const TaskPipeline& pipeline, const TaskExamples& examples);

/// Reports skipped examples on standard error. DataError with `settings.strict`, for the first of them, if no
/// training example is left, or if there are more than `settings` allow.
void report_skipped(const TaskExamples& examples, const ReadSettings& settings);

} // namespace cuecard::host
