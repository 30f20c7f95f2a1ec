/// A task file: data, labels, template, verbalizer and metric in one JSON file, documented in
/// docs/task-files.md and docs/task.schema.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/record_layout.hpp"
#include "data/sampling/sampler.hpp"

namespace cuecard {

/// A component and the options that the file sets, as text; paths among them as they are written.
struct TaskComponent {
  std::string component = "manual";
  std::vector<std::pair<std::string, std::string>> set;

  bool operator==(const TaskComponent&) const = default;
};

/// A development set split off the training file.
struct TaskSplit {
  double dev = 0; ///< fraction of the examples; 0: no split
  uint32_t seed = 0;
};

struct TaskFewShot {
  SampleSize train;
  std::optional<SampleSize> dev;
  uint32_t seed = 0;
};

struct TaskFile {
  std::filesystem::path file;
  /// A path that the file names: relative ones are relative to its folder.
  std::filesystem::path resolved(const std::string& relative) const;

  std::string name; ///< default: the stem of the file name

  /// Relative paths in the file are resolved against its folder, so these are absolute when the file's path is.
  std::optional<std::filesystem::path> train, dev, test;
  RecordLayout layout;
  TaskSplit split;
  std::optional<TaskFewShot> few_shot;

  std::vector<TaskLabel> labels;
  std::string negative_label;    ///< the label that F1 leaves out, such as "no_relation"; empty: none
  bool labels_from_data = false; ///< `labels` must be filled by `infer_labels_from_data`
  std::string template_text;
  TaskComponent prompt_template, verbalizer;
  int64_t max_length = 0;        ///< tokens per prompt; 0: the model's limit
  std::string truncate = "tail"; ///< tail, head, balanced or windows
  std::string metric;            ///< one of `metric_names`; empty: the default
};

/// Throws DataError with the file, the key's path (`data.fields.text`), the value found and the value expected,
/// and the nearest known key for an unknown one.
TaskFile read_task_file(const std::filesystem::path& path);

/// Like `read_task_file`, for text in memory. `path` resolves relative paths and names the file in errors.
TaskFile parse_task_file(const std::string& text, const std::filesystem::path& path);

} // namespace cuecard
