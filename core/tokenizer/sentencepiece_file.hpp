/// SentencePiece's `.model` files: a protocol buffer (sentencepiece_model.proto), of which this reads what
/// tokenizing needs. No library of SentencePiece's is used.
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

  std::vector<Entry> entries; ///< the index is the id
  Algorithm algorithm = Algorithm::unigram;
  int64_t unknown_id = 0;
  bool byte_fallback = false;
  std::string character_map; ///< bytes of the precompiled map; empty: text stays as it is
};

/// `origin` names the file in errors. Throws DataError for bytes that are no such file, are cut off, or
/// contradict themselves.
SentencePieceFile parse_sentencepiece(const std::string& bytes, const std::string& origin);

} // namespace cuecard::tokenizer
