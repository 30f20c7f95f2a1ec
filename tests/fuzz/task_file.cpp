// A task file.
#include "data/task_file.hpp"
#include "parser.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  const std::string text(fuzz::text_of(bytes, size));
  return fuzz::read_or_refuse([&] { parse_task_file(text, "/tasks/fuzzed.json"); });
}
