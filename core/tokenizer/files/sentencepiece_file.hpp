/// Reader for SentencePiece's `.model` files: a protocol buffer (sentencepiece_model.proto), of which only the
/// fields needed for tokenization are read. The SentencePiece library is not used.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cuecard::tokenizer {

struct SentencePieceFile {
  enum class Type { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  struct Entry {
    std::string piece;
    float score = 0;
    Type type = Type::normal;
  };
  enum class Algorithm { unigram = 1, bpe = 2, word = 3, characters = 4 };

  std::vector<Entry> entries; ///< by id
  Algorithm algorithm = Algorithm::unigram;
  int64_t unk_id = 0;
  bool byte_fallback = false;
  std::string precompiled_charsmap; ///< bytes of the precompiled map; empty: no normalisation
};

/// `origin` names the file in errors. Throws DataError if the bytes are not such a file, are cut off, or are
/// inconsistent.
SentencePieceFile parse_sentencepiece(const std::string& bytes, const std::string& origin);

} // namespace cuecard::tokenizer
