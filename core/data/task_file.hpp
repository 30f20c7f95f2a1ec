/// A task as a person writes it: data, labels, template, verbalizer, metric. One JSON file, described in
/// docs/task-files.md and docs/task.schema.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/row_layout.hpp"
#include "data/sampler.hpp"

namespace cuecard {

/// A component and what the file sets of its options, as text.
struct TaskComponent {
  std::string component = "manual";
  std::vector<std::pair<std::string, std::string>> set;

  bool operator==(const TaskComponent&) const = default;
};

/// Rows that are taken away from the training file to be development rows.
struct TaskSplit {
  double dev = 0; ///< share of the rows; 0: none
  uint32_t seed = 0;
};

struct TaskFewShot {
  SampleSize train;
  std::optional<SampleSize> dev;
  uint32_t seed = 0;
};

struct TaskFile {
  std::filesystem::path file;
  std::string name; ///< the file's stem when it gives none

  /// Absolute when the task file's own path is; relative paths in the file are relative to its folder.
  std::optional<std::filesystem::path> train, dev, test;
  RowLayout layout;
  TaskSplit split;
  std::optional<TaskFewShot> few_shot;

  std::vector<TaskLabel> labels;
  bool labels_of_data = false; ///< `labels` are still to be taken from the files (`take_labels_of_data`)
  std::string template_text;
  TaskComponent prompt_template, verbalizer;
  int64_t max_length = 0;        ///< tokens of a prompt; 0: what the model can hold
  std::string truncate = "tail"; ///< tail, head, balanced or windows
  std::string metric;            ///< one of `metric_names`; "" when the file names none
};

/// Throws DataError that names the file and the key's path (`data.fields.text`), what was found and what was
/// expected; for an unknown key also the nearest known one.
TaskFile read_task_file(const std::filesystem::path& path);

/// The same from text; `path` is what relative paths are relative to and what errors name.
TaskFile parse_task_file(const std::string& text, const std::filesystem::path& path);

} // namespace cuecard
