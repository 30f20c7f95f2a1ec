/// A prompt and the texts that are being written behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <cuecard/parts/random.hpp>
#include <cuecard/scorer.hpp>

#include "engine/beams.hpp"

namespace cuecard {

/// One text, a row of each pass.
struct Text {
  std::vector<int64_t> ids; ///< the prompt's tokens, -1 for a learned row, then those written
  int64_t past = -1;        ///< sequence with all rows but the last token's
  float score = 0;          ///< of a beam
  double log_prob = 0;
  std::optional<Random> draws;
};

struct Writing {
  int64_t prompt = 0, card = 0;
  int64_t prompt_length = 0;
  int64_t most = 0; ///< tokens that may be written
  std::vector<Text> running;
  std::vector<Generated> finished;
  Beams beams;

  std::span<const int64_t> written_by(const Text& text) const {
    return std::span(text.ids).subspan(static_cast<std::size_t>(prompt_length));
  }
};

/// A row of scores: the text that the next token is for. Those of one writing are neighbours.
struct ScoredRow {
  Writing* writing;
  std::size_t text;
};

} // namespace cuecard
