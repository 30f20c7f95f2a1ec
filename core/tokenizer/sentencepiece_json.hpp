/// What a SentencePiece file says, in the terms of tokenizer.json.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "tokenizer/added_token_list.hpp"
#include "tokenizer/sentencepiece_file.hpp"

namespace cuecard::tokenizer {

/// The `model`. Throws DataError when the file was made by another algorithm.
nlohmann::json unigram_model(const SentencePieceFile& file, const std::string& origin);
/// The same for BPE. The file has no merges: two pieces merge where their joined text is a piece that text may
/// become, in the order of those pieces.
nlohmann::json bpe_model(const SentencePieceFile& file, const std::string& origin);

/// The `normalizer`; null where text stays as it is.
nlohmann::json precompiled_normalizer(const SentencePieceFile& file);

/// Control pieces are special tokens, and what a user defined is an added token.
void add_control_pieces(const SentencePieceFile& file, AddedTokenList& to);

/// Of `[["a", -1.5], ...]`: pieces and ids.
nlohmann::json piece_ids(const nlohmann::json& scored);

} // namespace cuecard::tokenizer
