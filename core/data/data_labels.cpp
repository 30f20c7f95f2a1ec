#include "data/data_labels.hpp"

#include <map>
#include <set>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"
#include "data/text.hpp"

namespace cuecard {

void infer_labels_from_data(TaskFile& task) {
  if (!task.labels_from_data)
    return;
  // Read the label column as answers, so that its values are not checked against known labels: one, any number of
  // them, or a list of one for each word.
  RecordLayout layout = task.layout;
  layout.answers = layout.label;
  layout.label = std::nullopt;
  layout.references = std::nullopt;
  std::map<std::string, std::set<std::string>> spellings; // by canonical value
  int64_t examples_with_one = 0;
  for (const auto& file : {task.train, task.dev, task.test}) {
    if (!file)
      continue;
    RecordReport report;
    for (const Example& example : read_examples(*file, layout, {}, {}, report)) {
      examples_with_one += example.answers.size() == 1;
      for (const std::string& answer : example.answers)
        if (const std::string_view value = trimmed(answer); !value.empty())
          spellings[canonical_value(value)].emplace(value);
    }
  }
  task.labels.clear();
  for (const auto& [value, as_written] : spellings)
    task.labels.push_back({as_written.size() == 1 ? *as_written.begin() : value, {}, {}});
  constexpr int64_t few = 20;
  if (examples_with_one >= few && std::ssize(spellings) * 2 > examples_with_one)
    throw DataError(task.file.string() + ": \"labels\" is \"data\", and " + describe(*task.layout.label) +
                    " has " + std::to_string(spellings.size()) + " different values in " +
                    std::to_string(examples_with_one) + " rows, such as \"" +
                    shown(*spellings.begin()->second.begin()) +
                    "\"; name the column that has labels, or list them.");
}

} // namespace cuecard
