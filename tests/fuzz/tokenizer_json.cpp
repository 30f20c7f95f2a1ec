// tokenizer.json.
#include <nlohmann/json.hpp>

#include "parser.hpp"
#include "tokenize.hpp"
#include "tokenizer/files/json_file.hpp"
#include "tokenizer/steps.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  const std::string text(fuzz::text_of(bytes, size));
  return fuzz::read_or_refuse([&] {
    fuzz::tokenize(
        *tokenizer::make_vocabulary(tokenizer::parse_json_text(text, "fuzzed"), "fuzzed", "/nonexistent"));
  });
}
