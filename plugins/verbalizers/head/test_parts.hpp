/// A model that only has a shape, a vocabulary without tokens, and options, for this plugin's tests.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard::head {

class NoVocabulary final : public Vocabulary {
public:
  std::vector<Token> encode(std::string_view) const override { return {}; }
  std::vector<Token> encode_with_specials(std::string_view) const override { return {}; }
  std::string decode(std::span<const int64_t>, bool) const override { return {}; }
  std::string piece(int64_t) const override { return {}; }
  std::optional<int64_t> id(std::string_view) const override { return {}; }
  int64_t size() const override { return 0; }
  const SpecialTokens& special() const override { return special_; }
  bool is_special(int64_t) const override { return false; }
  std::span<const int64_t> sequence_prefix() const override { return {}; }
  std::span<const int64_t> sequence_suffix() const override { return {}; }
  std::string kind() const override { return "none"; }

private:
  SpecialTokens special_;
};

inline Options classifier_options(double dropout = 0) {
  Options options;
  options.set("dropout", dropout);
  options.set("lr-scale", 2.0);
  return options;
}

} // namespace cuecard::head
