#include "data/data_labels.hpp"

#include <set>

#include "data/readers.hpp"
#include "data/text.hpp"

namespace cuecard {

void take_labels_of_data(TaskFile& task) {
  if (!task.labels_of_data)
    return;
  // The label column as side data, where it is a text that nothing is compared with.
  RowLayout layout = task.layout;
  layout.meta = {{"label", *layout.label}};
  layout.label = std::nullopt;
  std::set<std::string> values;
  for (const auto& file : {task.train, task.dev, task.test}) {
    if (!file)
      continue;
    RowReport report;
    for (const Example& example : read_examples(*file, layout, {}, {}, report))
      if (const std::string_view value = trimmed(example.meta.at("label")); !value.empty())
        values.emplace(value);
  }
  task.labels.clear();
  for (const std::string& value : values)
    task.labels.push_back({value, {}, {}});
}

} // namespace cuecard
