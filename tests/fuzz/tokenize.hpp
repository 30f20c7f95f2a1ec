/// Every tokenizer that was read must tokenize text: tokens lie inside the text, and ids can be decoded.
#pragma once

#include <string>
#include <vector>

#include <cuecard/vocabulary.hpp>

#include "parser.hpp"

namespace cuecard::fuzz {

inline void tokenize(const Vocabulary& vocabulary) {
  static const std::string text =
      "The caf\u00e9 <mask> [MASK]</s>\u00a0\uff21\ufb01 x\u0301 \U0001F600\xff 12 \xe2\x96\x81 <a> abc";
  std::vector<int64_t> ids;
  for (const auto& tokens : {vocabulary.encode(text), vocabulary.encode_with_specials(text)})
    for (const Token& token : tokens) {
      require(token.begin <= token.end && token.end <= text.size(), "a token is outside its text");
      ids.push_back(token.id);
    }
  vocabulary.decode(ids, false);
}

} // namespace cuecard::fuzz
