// The vocabulary in SmolLM2's GGUF file.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "tokenizer/golden.hpp"

#include "model/gguf/gguf_tokenizer.hpp"
#include "tokenizer/tokenizer.hpp"

using namespace cuecard;
namespace fs = std::filesystem;

TEST_CASE("SmolLM2's vocabulary") {
  const fs::path file = fs::path(CUECARD_SOURCE_DIR) / ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!fs::exists(file)) {
    MESSAGE("skipped: " << file.string() << " is missing");
    return;
  }
  const GgufTokenizer gguf = gguf_tokenizer(GgufFile(file));
  const auto vocabulary = make_vocabulary(gguf, file.string());
  golden::check(*vocabulary, "smollm2");
  CHECK(vocabulary->size() == 49152);
  CHECK(vocabulary->special().eos == vocabulary->id("<|im_end|>"));
  CHECK(vocabulary->sequence_prefix().empty());

  const auto folder = fs::temp_directory_path() / "cuecard-smollm2-tokenizer-test";
  fs::create_directories(folder);
  std::ofstream(folder / "tokenizer.json", std::ios::binary) << to_tokenizer_json(gguf, file.string());
  golden::check(*read_tokenizer_json(folder / "tokenizer.json"), "smollm2");
  fs::remove_all(folder);
}
