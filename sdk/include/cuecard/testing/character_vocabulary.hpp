/// A vocabulary for tests: each byte of a text is its own token, special tokens begin at 256. `?` is the unknown token.
#pragma once

#include <cuecard/vocabulary.hpp>

namespace cuecard::testing {

class CharacterVocabulary : public Vocabulary {
public:
  std::vector<Token> encode(std::string_view text) const override {
    std::vector<Token> tokens;
    for (uint32_t i = 0; i < text.size(); ++i)
      tokens.push_back({text[i] == '?' ? 300 : static_cast<unsigned char>(text[i]), i, i + 1});
    return tokens;
  }
  std::vector<Token> encode_with_specials(std::string_view text) const override { return encode(text); }
  std::string decode(std::span<const int64_t>, bool) const override { return ""; }
  std::string piece(int64_t id) const override { return std::string(1, static_cast<char>(id)); }
  std::optional<int64_t> id(std::string_view piece) const override {
    return piece.size() == 1 ? std::optional<int64_t>(static_cast<unsigned char>(piece[0])) : std::nullopt;
  }
  int64_t size() const override { return 301; }
  const SpecialTokens& special() const override { return special_; }
  bool is_special(int64_t id) const override { return id >= 256; }
  std::span<const int64_t> sequence_prefix() const override { return prefix_; }
  std::span<const int64_t> sequence_suffix() const override { return {}; }
  std::string kind() const override { return "BPE"; }

  SpecialTokens special_{.bos = 256, .eos = 257, .unk = 300, .sep = 258, .pad = {}, .cls = {}, .mask = 259};
  std::vector<int64_t> prefix_;
};

} // namespace cuecard::testing
