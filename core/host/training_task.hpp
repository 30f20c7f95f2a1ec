/// A task file on its way into training: its rows, and the method that it and the flags choose.
#pragma once

#include <string>
#include <vector>

#include "data/readers.hpp"
#include "data/task_file.hpp"
#include "engine/method.hpp"
#include "engine/train.hpp"
#include "host/values.hpp"
#include "registry/registry.hpp"

namespace cuecard::host {

struct TaskRows {
  std::vector<Example> train, dev;
  RowReport train_report, dev_report; ///< of reading
  UnusableRows unusable;              ///< of those that were read
};

struct TrainingTask {
  TaskFile file;
  TaskRows rows;
};

/// Reads the task file and the rows that it splits and samples; says on standard error what was skipped.
/// Without training rows only what needs none can be made, a card whose tuner learns nothing: DataError when
/// one of `tuners` learns.
TrainingTask read_training_task(const std::string& path, const std::vector<std::string>& tuners,
                                const registry::Registry& plugins, bool strict);

/// The tuner of `--tuner`, or another, with what `--set` says. `--set NAME=VALUE` goes to the tuner, `--set
/// verbalizer.NAME=VALUE` to the verbalizer, `template.NAME` to the template. What is set later wins.
MethodChoice choice_of(const TaskFile& task, const std::string& tuner,
                       const std::vector<std::pair<std::string, std::string>>& set, uint64_t seed);

/// Replaces an earlier value.
void set_option(ComponentChoice& choice, const std::string& name, const std::string& value);

/// A list of labels, one for each word, is nothing to learn from or to measure for a verbalizer that chooses
/// one label for a row, and the other way round.
void require_kind_of_labels(const TaskFile& task, const Method& method, const TaskRows& rows);

/// Names rows that can't be used on standard error. With `strict` the first of them is a DataError; a training
/// file that has no other is one in any case.
void tell_unusable(const TaskRows& rows, bool strict);

} // namespace cuecard::host
