/// Tokenizes the pieces of a prompt. Consecutive texts and fields are tokenized as one text, so a token may span several pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/prompt.hpp>
#include <cuecard/vocabulary.hpp>

#include "batch/assemble.hpp"
#include "batch/shorten.hpp"

namespace cuecard {

/// Which tokens of its side a token attends to.
enum class SideAttention {
  full,   ///< all tokens: an answer slot is a mask token
  causal, ///< itself and those before it: an answer slot is the next token
  decoder ///< causal, on an output side, where an open slot may precede another one: sentinels separate them
};

/// What the encoding of pieces depends on besides the pieces.
struct PieceEncoding {
  const Vocabulary& vocabulary;
  SideAttention attention = SideAttention::full;
  bool masked_targets = false;            ///< PromptLayout::masked_targets
  const std::vector<std::string>& fields; ///< the template's fields, as in `assemble`
};

/// The id of the token that `marker` names: a kind of special token (mask eos bos sep cls pad), or the token's text.
std::optional<int64_t> special_id(const Vocabulary& vocabulary, std::string_view marker);

/// The tokens of each piece. A token of several pieces belongs to the first of them that may not be shortened, else to the first; its
/// origin is the first field whose characters it contains. Given answers and words of a field of words never share a token with their
/// neighbours. DataError when a special token or trigger does not exist, and for a given answer without tokens.
std::vector<EncodedPiece> encode_pieces(const std::vector<Piece>& pieces, const PieceEncoding& encoding);

} // namespace cuecard
