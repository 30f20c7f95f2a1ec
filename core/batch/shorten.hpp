/// Truncates prompts that are too long where the template allows it, or splits them into windows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "batch/assemble.hpp"

namespace cuecard {

/// The tokens of one piece, and which of them are selected.
struct EncodedPiece {
  std::vector<PromptToken> tokens;
  bool shortenable = false;
  /// An answer slot: its tokens are those of the given answer, each a target; without tokens, the answer is
  /// what follows.
  bool answer = false;
  bool given = false;
  /// Target tokens of a given answer; empty: its own tokens.
  std::vector<int64_t> targets;
};

int64_t count_tokens(const std::vector<EncodedPiece>& encoded_pieces);
int64_t count_shortenable_tokens(const std::vector<EncodedPiece>& encoded_pieces);

/// The tokens of `whole` that `shortened` lacks. `fields` gives the numbers in TokenOrigin::field.
CutTokens cut_tokens(const std::vector<EncodedPiece>& whole, const std::vector<EncodedPiece>& shortened,
                     const std::vector<std::string>& fields);

/// Removes `excess` tokens from the shortenable pieces, which must hold at least as many (as OpenPrompt
/// does, except that `head` removes the beginning, as its name says). `truncate` must not be `windows`.
void shorten(std::vector<EncodedPiece>& encoded_pieces, int64_t excess, Truncate truncate);

/// The pieces once for each window over the shortenable tokens of field `field` (TokenOrigin::field); each
/// window lacks `excess` of them. A window begins in the middle of the one before it, in a field of words at
/// the beginning of a word, and every token (in a field of words: the first token of every word) is in one of
/// them. Empty when the field does not have more than `excess` tokens.
std::vector<std::vector<EncodedPiece>> windows(const std::vector<EncodedPiece>& encoded_pieces, int64_t excess,
                                               int64_t field);

} // namespace cuecard
