#include "data/data_labels.hpp"

#include <set>

#include "data/readers.hpp"
#include "data/text.hpp"

namespace cuecard {

void infer_labels_from_data(TaskFile& task) {
  if (!task.labels_from_data)
    return;
  // Read the label column as metadata, so that its values are not checked against known labels.
  RecordLayout layout = task.layout;
  layout.meta = {{"label", *layout.label}};
  layout.label = std::nullopt;
  std::set<std::string> values;
  for (const auto& file : {task.train, task.dev, task.test}) {
    if (!file)
      continue;
    RecordReport report;
    for (const Example& example : read_examples(*file, layout, {}, {}, report))
      if (const std::string_view value = trimmed(example.meta.at("label")); !value.empty())
        values.emplace(value);
  }
  task.labels.clear();
  for (const std::string& value : values)
    task.labels.push_back({value, {}, {}});
}

} // namespace cuecard
