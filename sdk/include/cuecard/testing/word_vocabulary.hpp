/// A vocabulary for tests of verbalizers: words between spaces, each of one or several given tokens. Any other word is the unknown token.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <cuecard/vocabulary.hpp>

namespace cuecard::testing {

class WordVocabulary final : public Vocabulary {
public:
  /// Words and their tokens; `size` is one more than the largest id, which is that of the unknown token.
  WordVocabulary(std::map<std::string, std::vector<int64_t>> words, int64_t size)
      : words_(std::move(words)), size_(size) {
    special_.unk = size - 1;
  }

  std::vector<Token> encode(std::string_view text) const override {
    std::vector<Token> tokens;
    for (uint32_t begin = 0; begin < text.size();) {
      const uint32_t end = static_cast<uint32_t>(std::min(text.find(' ', begin), text.size()));
      if (end > begin) {
        const auto known = words_.find(std::string(text.substr(begin, end - begin)));
        for (const int64_t id : known == words_.end() ? std::vector<int64_t>{size_ - 1} : known->second)
          tokens.push_back({id, begin, end});
      }
      begin = end + 1;
    }
    return tokens;
  }
  std::vector<Token> encode_with_specials(std::string_view text) const override { return encode(text); }
  /// Words of one token, each after a space; other ids are `##`.
  std::string decode(std::span<const int64_t> ids, bool) const override {
    std::string text;
    for (const int64_t id : ids)
      text += " " + piece(id);
    return text;
  }
  std::string piece(int64_t id) const override {
    for (const auto& [word, tokens] : words_)
      if (tokens == std::vector<int64_t>{id})
        return word;
    return "##";
  }
  std::optional<int64_t> id(std::string_view piece) const override {
    const auto known = words_.find(std::string(piece));
    return known != words_.end() && known->second.size() == 1 ? std::optional(known->second[0]) : std::nullopt;
  }
  int64_t size() const override { return size_; }
  const SpecialTokens& special() const override { return special_; }
  bool is_special(int64_t id) const override { return id == size_ - 1; }
  std::span<const int64_t> sequence_prefix() const override { return {}; }
  std::span<const int64_t> sequence_suffix() const override { return {}; }
  std::string kind() const override { return "words"; }

private:
  std::map<std::string, std::vector<int64_t>> words_;
  int64_t size_;
  SpecialTokens special_;
};

} // namespace cuecard::testing
