#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "data/sampling/sample_checks.hpp"
#include "data/sampling/split.hpp"

using namespace cuecard;

namespace {

TaskFile task_of(const std::vector<std::string>& labels) {
  TaskFile task;
  task.file = "task.json";
  task.split.dev = 0.2;
  for (const std::string& label : labels)
    task.labels.push_back({label, {}, {}});
  return task;
}

std::vector<Example> labelled(const std::vector<int64_t>& labels) {
  std::vector<Example> examples(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i)
    examples[i].label = labels[i];
  return examples;
}

template <typename Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("a split that leaves a part empty is reported") {
  // Ten rows of one text and ten of another: a fifth of the rows is less than one of the two texts has.
  std::vector<Example> examples(20);
  for (std::size_t i = 0; i < 20; ++i)
    examples[i].fields["text"] = i < 10 ? "a" : "b";
  const auto parts = split(examples, {0.8, 0.2}, 0);
  REQUIRE(parts[1].empty());
  CHECK(
      refusal([&] { require_both_parts(task_of({}), examples, {}); }) ==
      "task.json: \"split.dev\" of 0.2 leaves no examples for development: of the 20 training examples, those with the same "
      "text stay together; give another share, or a file \"data.dev\".");
  CHECK(refusal([&] { require_both_parts(task_of({}), {}, examples); }).find("no examples for training") !=
        std::string::npos);
  CHECK(refusal([&] { require_both_parts(task_of({}), examples, examples); }) == "");
}

TEST_CASE("samples that can't be drawn are reported with what there is") {
  const TaskFile task = task_of({"no", "yes", "maybe"});
  const std::vector<int64_t> labels{0, 0, 0, 1, 1};
  CHECK(
      sample_shortage(task, labels, {3, 0}, "few_shot", "training examples") ==
      "task.json: \"few_shot.per_label\" is 3, and of the training examples there are only 2 of \"yes\", 0 of \"maybe\"; "
      "all of these are taken.");
  CHECK(sample_shortage(task_of({"no", "yes"}), labels, {2, 0}, "few_shot", "training examples") == "");
  CHECK(sample_shortage(task, {-1, -1}, {3, 0}, "few_shot", "training examples") == ""); // labels of words
  CHECK(sample_shortage(task, labels, {0, 5}, "few_shot", "training examples") == "");
  CHECK(
      sample_shortage(task, labels, {0, 6}, "few_shot.dev", "development examples") ==
      "task.json: \"few_shot.dev.total\" is 6, and there are only 5 development examples; all of them are taken.");
}

TEST_CASE("labels that no training example has are reported, and a single label is an error") {
  const TaskFile task = task_of({"no", "yes", "maybe"});
  CHECK(missing_labels(task, labelled({0, 1, 2})) == "");
  CHECK(missing_labels(task, labelled({0, 1})) ==
        "task.json: no training example has the label \"maybe\", so the card won't learn it.");
  CHECK(
      refusal([&] {
        missing_labels(task, labelled({1, 1}));
      }) ==
      "task.json: all training examples have the label \"yes\", so there is nothing to tell apart; give examples with other "
      "labels, too.");
  std::vector<Example> words(1);
  words[0].word_labels = {0, 1, -1};
  CHECK(missing_labels(task, words).find("\"maybe\"") != std::string::npos);
  CHECK(missing_labels(task, labelled({-1, -1})) == ""); // a task without labels, such as generation
}

TEST_CASE("of several labels per example those that never occur are named, and one label alone is no error") {
  TaskFile task = task_of({"war", "oil"});
  task.layout.multi_label = true;
  std::vector<Example> train(2);
  train[0].label_set = std::vector<int64_t>{0};
  train[1].label_set.emplace();
  CHECK(missing_labels(task, train).find("no training example has the label \"oil\"") != std::string::npos);
}
