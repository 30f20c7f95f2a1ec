#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "tokenizer/golden.hpp"

#include <cstdlib>

#include "tokenizer/tokenizer.hpp"

using namespace cuecard;
namespace fs = std::filesystem;

namespace {

fs::path shared_folder() {
  const char* path = std::getenv("CUECARD_SHARED");
  return path ? fs::path(path) : fs::path(CUECARD_SOURCE_DIR) / "../shared";
}

void check_if_present(const std::string& name, const fs::path& file) {
  if (!fs::exists(file)) {
    MESSAGE("skipped: " << file.string() << " is missing");
    return;
  }
  golden::check(*read_tokenizer_json(file), name);
}

} // namespace

TEST_CASE("ids, offsets and decoded text equal those of the tokenizers package") {
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(golden::folder)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".json" || !fs::exists(golden::folder / (name + ".golden.json")))
      continue;
    golden::check(*read_tokenizer_json(entry.path()), name);
    ++compared;
  }
  CHECK(compared == 43);
}

TEST_CASE("a thousand random texts") {
  int compared = 0;
  const nlohmann::json golden = golden::read(golden::folder / "random.golden.json");
  for (const auto& [name, examples] : golden.items()) {
    const auto vocabulary = read_tokenizer_json(golden::folder / (name + ".json"));
    for (const nlohmann::json& example : examples) {
      const auto& [text, special, ids] = example.get<std::tuple<std::string, bool, nlohmann::json>>();
      INFO(name << ": " << text);
      golden::check_tokens(*vocabulary,
                           special ? vocabulary->encode_with_specials(text) : vocabulary->encode(text),
                           {{"ids", ids}});
      ++compared;
    }
  }
  CHECK(compared == 1000);
}

TEST_CASE("MiniLM's tokenizer") {
  check_if_present("minilm", fs::path(CUECARD_SOURCE_DIR) / ".cache/models/minilm/tokenizer.json");
}

TEST_CASE("the tokenizers of the template cases") {
  for (const std::string name : {"tiny-wordpiece", "tiny-bpe-gpt2", "tiny-bpe-roberta", "tiny-unigram-t5"})
    check_if_present(name, shared_folder() / "reference/template_tokenizers" / name / "tokenizer.json");
}
