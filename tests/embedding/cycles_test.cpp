// A program that opens and closes models repeatedly does not leak memory.
#include <ATen/ATen.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "../engine/tasks.hpp"
#include "card/card.hpp"
#include "cuecard.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0;
  file >> pages >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

int64_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

int64_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

} // namespace

TEST_CASE("opening, using and closing a model a thousand times leaks nothing") {
  const std::string card =
      (std::filesystem::temp_directory_path() / ("cuecard-cycles-" + std::to_string(::getpid()))).string();
  {
    const Model model = tiny_model("llama-tied");
    save_card(
        to_card(two_label_pipeline(model, "card", "Review: {text} It was{\"mask\"}", "prompt-tuning"), model),
        card);
  }
  api::ModelOptions options;
  options.threads = 1;
  options.plugin_paths = {CUECARD_BUILT_PLUGINS};
  const auto cycle = [&] {
    api::Model model(std::string(CUECARD_SOURCE_DIR) + "/tests/golden/models/llama-tied", options);
    model.load_card(card);
    REQUIRE_FALSE(model.predict({{"a good film"}})[0].error);
  };
  for (int i = 0; i < 100; ++i)
    cycle();
  const int64_t bytes = resident_bytes(), files = open_files(), running = threads();
  for (int i = 0; i < 900; ++i)
    cycle();
  CHECK(open_files() == files);
  CHECK(threads() == running);
  CHECK(resident_bytes() - bytes < 900 * 4096); // less than a page for each: the model alone has more
  std::filesystem::remove_all(card);
}
