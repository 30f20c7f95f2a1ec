// Tokenizer files: those older than tokenizer.json (vocab.txt, vocab.json with merges.txt), those for special
// tokens, and these beside a tokenizer.json. An input holds several, each after a line `@@ NAME`; the text before the first is the model type.
#include <fstream>
#include <memory>

#include "model/test_folder.hpp"
#include "parser.hpp"
#include "tokenize.hpp"
#include "tokenizer/tokenizer.hpp"

using namespace cuecard;

namespace {

constexpr const char* names[] = {
    "vocab.txt",         "vocab.json",      "merges.txt",    "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "tokenizer.model", "tokenizer.json"};

/// Writes the files in the input and returns the model type.
std::string write_files(std::string_view input, const TestFolder& folder) {
  for (const char* name : names)
    std::filesystem::remove(folder.path() / name);
  const std::string model_type(input.substr(0, input.find_first_of("\n@")));
  for (std::size_t at = input.find("@@ "); at != input.npos;) {
    const std::size_t begin = std::min(input.find('\n', at), input.size()), next = input.find("@@ ", at + 3);
    const std::string_view named = input.substr(at + 3, begin - at - 3);
    for (const char* name : names) // only names from this list, whatever the input says
      if (named == name && begin < std::min(next, input.size()))
        folder.write(name, std::string(input.substr(begin + 1, std::min(next, input.size()) - begin - 1)));
    at = next;
  }
  return model_type;
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  static const TestFolder folder;
  const std::string model_type = write_files(fuzz::text_of(bytes, size), folder);
  return fuzz::read_or_refuse([&] {
    fuzz::tokenize(*read_tokenizer(folder.path(), model_type));
    tokenizer_json_text(folder.path(), model_type);
  });
}
