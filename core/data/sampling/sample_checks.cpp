#include "data/sampling/sample_checks.hpp"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "data/text.hpp"

namespace cuecard {

namespace {

constexpr std::size_t most_named = 8;

std::string file_of(const TaskFile& task) {
  return task.file.string();
}

std::string name_of(const TaskFile& task, int64_t label) {
  return label >= 0 && label < std::ssize(task.labels)
             ? "\"" + shown(task.labels[static_cast<std::size_t>(label)].name) + "\""
             : "no label";
}

} // namespace

void require_both_parts(const TaskFile& task, const std::vector<Example>& train,
                        const std::vector<Example>& dev) {
  if (!train.empty() && !dev.empty())
    return;
  throw DataError(
      file_of(task) + ": \"split.dev\" of " + nlohmann::json(task.split.dev).dump() +
      " leaves no examples for " + (dev.empty() ? "development" : "training") + ": of the " +
      std::to_string(train.size() + dev.size()) +
      " training examples, those with the same text stay together; give another share, or a file \"data.dev\".");
}

std::string sample_shortage(const TaskFile& task, const std::vector<int64_t>& labels, const SampleSize& size,
                            const std::string& key, const std::string& which) {
  if (size.total > 0)
    return size.total <= std::ssize(labels)
               ? ""
               : file_of(task) + ": \"" + key + ".total\" is " + std::to_string(size.total) +
                     ", and there are only " + std::to_string(labels.size()) + " " + which +
                     "; all of them are taken.";
  std::map<int64_t, int64_t> count;
  if (std::all_of(labels.begin(), labels.end(), [](int64_t label) { return label < 0; }))
    return ""; // labels of words, or none
  for (int64_t label = 0; label < std::ssize(task.labels); ++label)
    count[label] = 0;
  for (const int64_t label : labels)
    ++count[label];
  std::string few;
  std::size_t named = 0;
  for (const auto& [label, found] : count)
    if (label >= 0 && found < size.per_label && ++named <= most_named)
      few += (few.empty() ? "" : ", ") + std::to_string(found) + " of " + name_of(task, label);
  if (few.empty())
    return "";
  return file_of(task) + ": \"" + key + ".per_label\" is " + std::to_string(size.per_label) + ", and of the " +
         which + " there are only " + few + (named > most_named ? ", ..." : "") + "; all of these are taken.";
}

std::string missing_labels(const TaskFile& task, const std::vector<Example>& train) {
  std::map<int64_t, int64_t> count;
  for (const Example& example : train) {
    if (example.label >= 0)
      ++count[example.label];
    for (const int64_t label : example.word_labels)
      if (label >= 0)
        ++count[label];
    if (example.label_set)
      for (const int64_t label : *example.label_set)
        ++count[label];
  }
  if (count.empty() || task.labels.empty())
    return "";
  if (count.size() == 1 && !task.layout.multi_label) // an example may have the one or not
    throw DataError(file_of(task) + ": all training examples have the label " +
                    name_of(task, count.begin()->first) +
                    ", so there is nothing to tell apart; give examples with other labels, too.");
  std::string missing;
  std::size_t named = 0;
  for (int64_t label = 0; label < std::ssize(task.labels); ++label)
    if (!count.contains(label) && ++named <= most_named)
      missing += (missing.empty() ? "" : ", ") + name_of(task, label);
  if (missing.empty())
    return "";
  return file_of(task) + ": no training example has the " + (named == 1 ? "label " : "labels ") + missing +
         (named > most_named ? ", ..." : "") + ", so the card won't learn " + (named == 1 ? "it." : "them.");
}

} // namespace cuecard
