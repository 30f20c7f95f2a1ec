#include "tokenizer/golden.hpp"

#include <cuecard/error.hpp>

#include "tokenizer/steps.hpp"
#include "tokenizer/tokenizer.hpp"

using namespace cuecard;
using nlohmann::json;

namespace {

/// The file that the changes make of its base; pointers to settings, as in tests/golden/tokenizer/odd_files.py.
json changed(json file, const json& changes) {
  for (const auto& [pointer, value] : changes["set"].items())
    file[json::json_pointer(pointer)] = value;
  for (const auto& pointer : changes["without"]) {
    const json::json_pointer left_out(pointer.get<std::string>());
    file[left_out.parent_pointer()].erase(left_out.back());
  }
  return file;
}

std::shared_ptr<const Vocabulary> loaded(const json& file) {
  return tokenizer::make_vocabulary(file, "tokenizer.json", "/nonexistent");
}

} // namespace

TEST_CASE("files unlike published ones are read as the tokenizers package reads them") {
  const json golden = golden::read(golden::folder / "odd_files.json");
  REQUIRE(golden["files"].size() > 150);
  for (const json& file : golden["files"]) {
    INFO(file["name"]);
    const auto vocabulary = loaded(changed(golden["bases"][file["base"].get<std::string>()], file));
    for (const json& row : file["rows"]) {
      const auto text = row["text"].get<std::string>();
      INFO(text);
      const auto ids =
          golden::ids_of(row["special"] ? vocabulary->encode_with_specials(text) : vocabulary->encode(text));
      CHECK(json(ids) == row["ids"]);
      if (row.contains("decoded"))
        CHECK(vocabulary->decode(ids, false) == row["decoded"]);
    }
    CHECK(json(vocabulary->sequence_prefix()) == file.value("prefix", json::array()));
    CHECK(json(vocabulary->sequence_suffix()) == file.value("suffix", json::array()));
  }
}

TEST_CASE(
    "dropout is read as none, with a warning, and so are ids of added tokens that the package gives otherwise") {
  json file = golden::read(golden::folder / "gpt2.json");
  const auto ids = golden::ids_of(loaded(file)->encode("the other thing"));
  file["model"]["dropout"] = 0.5;
  file["added_tokens"][0]["id"] = 77777;
  CHECK(golden::ids_of(loaded(file)->encode("the other thing")) == ids);
  tokenizer::VocabularyData pieces;
  auto vocabulary = std::make_unique<tokenizer::Pieces>(size_t{1});
  vocabulary->add("a", 0);
  pieces.pieces = std::move(vocabulary);
  const json small = {{"model", {{"type", "BPE"}, {"dropout", 0.5}}},
                      {"added_tokens", {{{"id", 5}, {"content", "<x>"}}}}};
  const tokenizer::Steps steps = tokenizer::make_steps(tokenizer::Field(small, "x.json"), std::move(pieces));
  REQUIRE(steps.warnings.size() == 2);
  CHECK(steps.warnings[0].find("x.json: key \"added_tokens[0].id\" is 5, but \"<x>\" has id 1") == 0);
  CHECK(steps.warnings[1].find("x.json: key \"model.dropout\" is 0.5") == 0);
}

TEST_CASE("a text that needs an unknown token which the vocabulary lacks is refused, others are not") {
  for (const char* name : {"bert-uncased", "unknown-single"}) {
    json file = golden::read(golden::folder / (std::string(name) + ".json"));
    file["model"]["unk_token"] = "<absent>";
    const auto vocabulary = loaded(file);
    CHECK(vocabulary->encode("the").size() > 0);
    CHECK_THROWS_WITH_AS(vocabulary->encode("\u2603"), doctest::Contains("unk_token \"<absent>\""), DataError);
  }
}
