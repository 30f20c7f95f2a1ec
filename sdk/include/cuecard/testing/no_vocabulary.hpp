/// For tests of tuners that need no tokens: an empty vocabulary.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/vocabulary.hpp>

namespace cuecard::testing {

class NoVocabulary final : public Vocabulary {
public:
  std::vector<Token> encode(std::string_view) const override { return {}; }
  std::vector<Token> encode_with_specials(std::string_view) const override { return {}; }
  std::string decode(std::span<const int64_t>, bool) const override { return {}; }
  std::string piece(int64_t) const override { return {}; }
  std::optional<int64_t> id(std::string_view) const override { return std::nullopt; }
  int64_t size() const override { return 0; }
  const SpecialTokens& special() const override { return special_; }
  bool is_special(int64_t) const override { return false; }
  std::span<const int64_t> sequence_prefix() const override { return {}; }
  std::span<const int64_t> sequence_suffix() const override { return {}; }
  std::string kind() const override { return "none"; }

private:
  SpecialTokens special_;
};

} // namespace cuecard::testing
