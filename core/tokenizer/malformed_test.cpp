#include "tokenizer/golden.hpp"

#include <functional>

#include <cuecard/error.hpp>

#include "tokenizer/tokenizer.hpp"

using namespace cuecard;
using nlohmann::json;

namespace {

/// A file that is gone when the test is over.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::string& text)
      : path_(std::filesystem::temp_directory_path() / "cuecard-malformed-tokenizer.json") {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

std::string refusal_of(const std::string& text) {
  const TemporaryFile file(text);
  try {
    read_tokenizer_json(file.path());
  } catch (const DataError& error) {
    const std::string what = error.what();
    CHECK(what.find(file.path().filename().string()) != std::string::npos);
    CHECK(what.find('\n') == std::string::npos);
    return what;
  }
  return "accepted";
}

/// The refusal of a sound file after `spoil`.
std::string refusal_after(const std::string& name, const std::function<void(json&)>& spoil) {
  json document = golden::read(golden::folder / (name + ".json"));
  spoil(document);
  return refusal_of(document.dump());
}

void check_mentions(const std::string& refusal, const std::string& part) {
  CHECK_MESSAGE(refusal.find(part) != std::string::npos, refusal);
}

} // namespace

TEST_CASE("a tokenizer.json that is wrong is refused by its key") {
  const auto check = [](const std::string& name, const std::string& key,
                        const std::function<void(json&)>& spoil) {
    check_mentions(refusal_after(name, spoil), key);
  };
  check("gpt2", "\"model\" is missing", [](json& file) { file.erase("model"); });
  check("gpt2", "\"model.vocab\"", [](json& file) { file["model"].erase("vocab"); });
  check("gpt2", "\"model.vocab\" is empty", [](json& file) { file["model"]["vocab"] = json::object(); });
  check("gpt2", "\"model.vocab\" should be an object", [](json& file) { file["model"]["vocab"] = "x"; });
  check("gpt2", "\"model.vocab.t\"", [](json& file) { file["model"]["vocab"]["t"] = "x"; });
  check("gpt2", "-3", [](json& file) { file["model"]["vocab"]["t"] = -3; });
  check("gpt2", "ids of a vocabulary", [](json& file) { file["model"]["vocab"]["t"] = 2'000'000'000; });
  check("gpt2", "\"model.vocab\"", [](json& file) { file["model"]["vocab"]["t"] = UINT64_MAX; });
  check("gpt2", "to both", [](json& file) { file["model"]["vocab"]["t"] = file["model"]["vocab"]["h"]; });
  check("gpt2", "merge 140, \"zz yy\"", [](json& file) { file["model"]["merges"][140] = {"zz", "yy"}; });
  check("gpt2", "\"model.merges[3]\"", [](json& file) { file["model"]["merges"][3] = "a b c"; });
  check("gpt2", "\"model.merges[3]\"", [](json& file) { file["model"]["merges"][3] = {"a"}; });
  check("gpt2", "\"model.merges\"", [](json& file) { file["model"]["merges"] = 5; });
  check("gpt2", "\"model.dropout\"", [](json& file) { file["model"]["dropout"] = 0.1; });
  check("gpt2", "\"model.end_of_word_suffix\"",
        [](json& file) { file["model"]["end_of_word_suffix"] = "</w>"; });
  check("gpt2", "\"model.unk_token\"", [](json& file) { file["model"]["unk_token"] = "<absent>"; });
  check("gpt2", "\"model.fuse_unk\"", [](json& file) { file["model"]["fuse_unk"] = "yes"; });
  check("gpt2", "supported are WordPiece, BPE", [](json& file) { file["model"]["type"] = "Unigram"; });
  check("gpt2", "Did you mean \"ByteLevel\"", [](json& file) { file["pre_tokenizer"]["type"] = "ByteLevl"; });
  check("gpt2", "\"added_tokens[2].id\"",
        [](json& file) { file["added_tokens"][1]["id"] = file["added_tokens"][2]["id"]; });
  check("gpt2", "\"added_tokens[2].content\"",
        [](json& file) { file["added_tokens"][2]["content"] = file["added_tokens"][1]["content"]; });
  check("gpt2", "\"added_tokens[0].id\"", [](json& file) { file["added_tokens"][0]["id"] = 5; });
  check("gpt2", "\"added_tokens[1].id\"", [](json& file) { file["added_tokens"][1]["id"] = 1 << 30; });
  check("gpt2", "\"added_tokens[1].content\"", [](json& file) { file["added_tokens"][1]["content"] = ""; });
  check("gpt2", "\"added_tokens\"", [](json& file) { file["added_tokens"] = {{"id", 5}}; });
  check("bert-uncased", "\"model.unk_token\"", [](json& file) { file["model"]["unk_token"] = "<absent>"; });
  check("bert-uncased", "\"model.max_input_chars_per_word\"",
        [](json& file) { file["model"]["max_input_chars_per_word"] = -1; });
  check("bert-uncased", "\"normalizer.type\"", [](json& file) { file["normalizer"]["type"] = "Precompiled"; });
  check("bert-uncased", "\"post_processor.single[0].SpecialToken.id\"",
        [](json& file) { file["post_processor"]["special_tokens"].erase("[CLS]"); });
  check("bert-uncased", "\"post_processor\" puts token id 99999",
        [](json& file) { file["post_processor"]["special_tokens"]["[CLS]"]["ids"][0] = 99999; });
  check("bert-uncased", "\"post_processor.single[1]\"",
        [](json& file) { file["post_processor"]["single"][0] = file["post_processor"]["single"][1]; });
  check("bert-uncased", "no place for the text", [](json& file) { file["post_processor"]["single"].erase(1); });
  check("bert-cased", "\"post_processor.cls\"", [](json& file) { file["post_processor"]["cls"] = {"[CLS]"}; });
  check("bert-uncased", "\"decoder.type\"", [](json& file) { file["decoder"]["type"] = "CTC"; });
  check("llama2", "\"normalizer.normalizers[1].pattern", [](json& file) {
    file["normalizer"]["normalizers"][1]["pattern"] = {{"Regex", "(a"}};
  });
  check("llama2", "\"normalizer.normalizers[1].pattern.String\"",
        [](json& file) { file["normalizer"]["normalizers"][1]["pattern"]["String"] = ""; });
  check("llama2", "\"decoder.decoders[3].content\"",
        [](json& file) { file["decoder"]["decoders"][3]["content"] = "ab"; });
  check("words-split-removed", "\"pre_tokenizer.behavior\"",
        [](json& file) { file["pre_tokenizer"]["behavior"] = "Dropped"; });
}

TEST_CASE("files that are not JSON, or absurd") {
  check_mentions(refusal_of(""), "not JSON at byte");
  check_mentions(refusal_of("[1]"), "should be an object");
  check_mentions(refusal_of(std::string(1'000'000, '[')), "nests deeper than 64");
  json nested = {{"type", "Lowercase"}};
  for (int level = 0; level < 100; ++level)
    nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  check_mentions(refusal_after("gpt2", [&](json& file) { file["normalizer"] = nested; }),
                 "nests deeper than 64");
  CHECK_THROWS_AS(read_tokenizer_json("/nonexistent/tokenizer.json"), DataError);
  CHECK_THROWS_AS(read_tokenizer_json(std::filesystem::temp_directory_path()), DataError);
}

TEST_CASE("a file cut anywhere is refused") {
  const std::string whole = golden::read(golden::folder / "bert-uncased.json").dump();
  for (size_t length = 0; length < whole.size(); length += 97)
    CHECK(refusal_of(whole.substr(0, length)) != "accepted");
}

TEST_CASE("a pattern that never ends is given up") {
  json document = golden::read(golden::folder / "words-split-removed.json");
  document["pre_tokenizer"]["pattern"]["Regex"] = "(a+)+$b";
  const TemporaryFile file(document.dump());
  const auto vocabulary = read_tokenizer_json(file.path());
  CHECK_THROWS_AS(vocabulary->encode(std::string(100, 'a') + "!"), DataError);
}
