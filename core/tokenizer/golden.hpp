/// For tests: the golden files in tests/golden/tokenizer (described in its README.md).
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cuecard/vocabulary.hpp>

namespace cuecard::golden {

inline const std::filesystem::path folder =
    std::filesystem::path(CUECARD_SOURCE_DIR) / "tests/golden/tokenizer";

inline nlohmann::json read(const std::filesystem::path& file) {
  std::ifstream stream(file);
  REQUIRE_MESSAGE(stream, file.string());
  return nlohmann::json::parse(stream);
}

inline std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16)));
  return bytes;
}

inline std::vector<std::string> texts() {
  std::vector<std::string> texts;
  for (const auto& hex : read(folder / "texts.json"))
    texts.push_back(bytes_of(hex));
  return texts;
}

inline std::vector<int64_t> ids_of(const std::vector<Token>& tokens) {
  std::vector<int64_t> ids;
  for (const Token& token : tokens)
    ids.push_back(token.id);
  return ids;
}

/// Compares `tokens` with the fields that `expected` has.
inline void check_tokens(const Vocabulary& vocabulary, const std::vector<Token>& tokens,
                         const nlohmann::json& expected) {
  const std::vector<int64_t> ids = ids_of(tokens);
  std::vector<uint32_t> begin, end;
  for (const Token& token : tokens) {
    begin.push_back(token.begin);
    end.push_back(token.end);
  }
  if (expected.contains("ids"))
    CHECK(nlohmann::json(ids) == expected["ids"]);
  if (expected.contains("begin"))
    CHECK(nlohmann::json(begin) == expected["begin"]);
  if (expected.contains("end"))
    CHECK(nlohmann::json(end) == expected["end"]);
  if (expected.contains("text"))
    CHECK(vocabulary.decode(ids, false) == expected["text"]);
}

/// Compares every text of NAME.golden.json, with special tokens as plain text and parsed.
inline void check(const Vocabulary& vocabulary, const std::string& name) {
  const nlohmann::json golden = read(folder / (name + ".golden.json"));
  const std::vector<std::string> all = texts();
  REQUIRE(golden["plain"].size() == all.size());
  for (size_t index = 0; index < all.size(); ++index) {
    INFO(name << ", text " << index << ": " << all[index]);
    const auto& plain = golden["plain"][index];
    check_tokens(vocabulary, vocabulary.encode(all[index]), plain);
    check_tokens(vocabulary, vocabulary.encode_with_specials(all[index]),
                 golden["special"].value(std::to_string(index), plain));
  }
}

} // namespace cuecard::golden
