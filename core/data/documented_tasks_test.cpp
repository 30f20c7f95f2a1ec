/// The task files documented in docs/task-files.md parse and read their data sets.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "data/data_labels.hpp"
#include "data/formats/readers.hpp"
#include "data/task_file.hpp"

using namespace cuecard;
namespace fs = std::filesystem;

namespace {

/// The page's JSON blocks except the first, which only shows how to reference the schema.
std::vector<std::string> documented_task_files() {
  std::ifstream file(CUECARD_SOURCE_DIR "/docs/task-files.md");
  std::stringstream page;
  page << file.rdbuf();
  const std::string text = page.str(), open = "```json\n";
  std::vector<std::string> blocks;
  for (std::size_t at = text.find(open); at != text.npos; at = text.find(open, at)) {
    at += open.size();
    blocks.push_back(text.substr(at, text.find("```", at) - at));
  }
  REQUIRE(blocks.size() == 10);
  blocks.erase(blocks.begin());
  return blocks;
}

struct Expected {
  const char* folder;
  std::size_t train, dev; ///< number of examples; 0: no such file
  bool labelled = true;   ///< false: the task generates text
};

} // namespace

TEST_CASE("documented task files read their data sets") {
  const char* given = std::getenv("CUECARD_SHARED");
  const fs::path data_folder = fs::path(given ? given : CUECARD_SOURCE_DIR "/../shared") / "data";
  const auto blocks = documented_task_files();
  // Example counts from each data set's README; for CoNLL-2003, sentences without the -DOCSTART- lines.
  const std::vector<Expected> expected = {{"sst2", 6920, 872},
                                          {"agnews", 3800, 1200},
                                          {"fewglue/RTE", 32, 0},
                                          {"conll2003", 14041, 3250},
                                          {"e2e", 0, 4672, false},
                                          {"fewglue/COPA", 32, 50},
                                          {"", 0, 0, false},
                                          {"", 0, 0},
                                          {"", 0, 0}}; // SQuAD, Reuters and TACRED: no files
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const TaskFile task = parse_task_file(blocks[i], data_folder / expected[i].folder / "task.json");
    CHECK(task.labels.empty() == !expected[i].labelled);
    if (*expected[i].folder == '\0')
      continue;
    if (!fs::exists(data_folder)) {
      MESSAGE("skipped: ", data_folder.string(), " is absent");
      continue;
    }
    const LabelIndex labels(task.labels);
    RecordReport report;
    CAPTURE(expected[i].folder);
    if (expected[i].train > 0)
      CHECK(read_examples(*task.train, task.layout, labels, {.strict = true}, report).size() ==
            expected[i].train);
    const auto dev = read_examples(*task.dev, task.layout, labels, {.strict = true}, report);
    if (expected[i].dev > 0)
      CHECK(dev.size() == expected[i].dev);
    CHECK(report.skipped.empty());
  }
}

TEST_CASE("the task files in examples/tasks read their data sets") {
  const char* given = std::getenv("CUECARD_SHARED");
  const fs::path shared = given ? given : CUECARD_SOURCE_DIR "/../shared";
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(CUECARD_SOURCE_DIR "/examples/tasks")) {
    if (entry.path().extension() != ".json")
      continue;
    CAPTURE(entry.path().filename().string());
    ++files;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    // As if the file lay beside the folder "data".
    TaskFile task = parse_task_file(text.str(), shared / "task.json");
    REQUIRE(task.train);
    if (!fs::exists(shared / "data")) {
      MESSAGE("skipped: ", (shared / "data").string(), " is absent");
      continue;
    }
    infer_labels_from_data(task);
    for (const auto& part : {task.train, task.dev, task.test}) {
      if (!part)
        continue;
      RecordReport report;
      CHECK(!read_examples(*part, task.layout, LabelIndex(task.labels), {.strict = true}, report).empty());
      CHECK(report.skipped.empty());
    }
  }
  CHECK(files == 7);
}
