// The files that came before tokenizer.json: vocab.txt, vocab.json with merges.txt, and those that name special
// tokens. An input holds several, each behind a line `@@ NAME`; text in front of the first is the model's
// family.
#include <fstream>
#include <memory>

#include "model/test_folder.hpp"
#include "parser.hpp"
#include "tokenize.hpp"
#include "tokenizer/tokenizer.hpp"

using namespace cuecard;

namespace {

constexpr const char* names[] = {
    "vocab.txt",         "vocab.json",     "merges.txt", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "tokenizer.model"};

/// Writes the files of the input, and returns the family.
std::string lay_out(std::string_view input, const TestFolder& folder) {
  for (const char* name : names)
    std::filesystem::remove(folder.path() / name);
  const std::string family(input.substr(0, input.find_first_of("\n@")));
  for (std::size_t at = input.find("@@ "); at != input.npos;) {
    const std::size_t begin = std::min(input.find('\n', at), input.size()), next = input.find("@@ ", at + 3);
    const std::string_view named = input.substr(at + 3, begin - at - 3);
    for (const char* name : names) // a plain name from this list, whatever the input says
      if (named == name && begin < std::min(next, input.size()))
        folder.write(name, std::string(input.substr(begin + 1, std::min(next, input.size()) - begin - 1)));
    at = next;
  }
  return family;
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  static const TestFolder folder;
  const std::string family = lay_out(fuzz::text_of(bytes, size), folder);
  return fuzz::read_or_refuse([&] {
    fuzz::tokenize(*read_tokenizer(folder.path(), family));
    tokenizer_json_text(folder.path(), family);
  });
}
