/// What is too long loses rows where the template allows it, or is laid several times, a window each.
#pragma once

#include <cstdint>
#include <vector>

#include "batch/assemble.hpp"

namespace cuecard {

/// The rows of one piece, and how they are read.
struct Stretch {
  std::vector<TokenRow> rows;
  bool shortenable = false;
  /// An answer slot: with rows, they are the given answer's tokens and each is a target; without, what comes
  /// next is the answer.
  bool answer = false;
  bool given = false;
  /// What should stand at the rows of a given answer; empty: the rows themselves.
  std::vector<int64_t> targets;
};

int64_t count_rows(const std::vector<Stretch>& stretches);
int64_t count_shortenable_rows(const std::vector<Stretch>& stretches);

/// Takes `excess` rows away from the shortenable stretches, which hold at least as many
/// (openprompt-surface 1.4; `head` as its name says, not as OpenPrompt does it). `truncate` is not `windows`.
void shorten(std::vector<Stretch>& stretches, int64_t excess, Truncate truncate);

/// The stretches once for each window over the shortenable rows of field `field` (RowOrigin::field), which lose
/// `excess` of their rows in each. A window begins in the middle of the one in front of it, in a field of words
/// with a word, and every row (of a field of words: the first row of every word) is in one of them. Empty when
/// the field has no row more than `excess`.
std::vector<std::vector<Stretch>> windows(const std::vector<Stretch>& stretches, int64_t excess, int64_t field);

} // namespace cuecard
