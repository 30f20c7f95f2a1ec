/// The token for what the vocabulary lacks. A file may name one that isn't in the vocabulary: that matters only
/// for texts that need it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <cuecard/error.hpp>

#include "tokenizer/files/field.hpp"
#include "tokenizer/models/pieces.hpp"

namespace cuecard::tokenizer {

class UnknownToken {
public:
  UnknownToken(const Field& model, const std::string& name, const Pieces& pieces)
      : id_(pieces.id(name)), absent_(id_ ? "" : model.sentence("has the unk_token \"" + name + "\"")) {}

  /// Throws DataError when the vocabulary has no unknown token either.
  int32_t id(std::string_view word) const {
    if (!id_)
      throw DataError(absent_ + ", which is not in the vocabulary, and neither is \"" + std::string(word) +
                      "\"; name a token of the vocabulary, or leave the text out.");
    return *id_;
  }

private:
  std::optional<int32_t> id_;
  std::string absent_;
};

} // namespace cuecard::tokenizer
