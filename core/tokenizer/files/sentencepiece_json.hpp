/// Converts a SentencePiece file to parts of a tokenizer.json.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "tokenizer/files/added_token_list.hpp"
#include "tokenizer/files/sentencepiece_file.hpp"

namespace cuecard::tokenizer {

/// The `model`. Throws DataError if the file uses another algorithm.
nlohmann::json unigram_model(const SentencePieceFile& file, const std::string& origin);
/// The same for BPE. The file has no merges: two pieces merge if their concatenation is a normal piece, ranked
/// by the id of that piece.
nlohmann::json bpe_model(const SentencePieceFile& file, const std::string& origin);

/// The `normalizer`; null if there is none.
nlohmann::json precompiled_normalizer(const SentencePieceFile& file);

/// Adds control pieces as special tokens and user-defined pieces as plain added tokens.
void add_control_pieces(const SentencePieceFile& file, AddedTokenList& to);

/// Maps pieces to ids, from `[["a", -1.5], ...]`.
nlohmann::json piece_ids(const nlohmann::json& scored);

} // namespace cuecard::tokenizer
