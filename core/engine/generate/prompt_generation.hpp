/// A prompt and its texts during generation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <cuecard/parts/random.hpp>
#include <cuecard/scorer.hpp>

#include "batch/pack.hpp"
#include "engine/generate/beams.hpp"

namespace cuecard {

/// One text: one token of each pass.
struct Text {
  std::vector<int64_t> ids; ///< the prompt's tokens, -1 for a virtual token, then the generated ones
  int64_t cache = -1;       ///< cached sequence with all tokens but the last
  float score = 0;          ///< of a beam
  double log_prob = 0;
  std::optional<Random> draws;
};

/// The generation state of one prompt.
struct PromptGeneration {
  int64_t number = 0, stream = 0; ///< as in PendingPrompt
  std::shared_ptr<const TokenizedPrompt> prompt;
  std::shared_ptr<const GenerateSettings> settings;
  PackItem item; ///< of `prompt`
  int64_t prompt_length = 0;
  int64_t most = 0; ///< most tokens to generate
  std::vector<Text> running = {};
  std::vector<Generated> finished = {};
  Beams beams;
  bool dropped = false; ///< PromptSource::token returned false

  std::span<const int64_t> generated_ids(const Text& text) const {
    return std::span(text.ids).subspan(static_cast<std::size_t>(prompt_length));
  }
};

/// A row of logits: the text whose next token it predicts. Rows of one prompt are neighbours.
struct ScoredRow {
  PromptGeneration* generation;
  std::size_t text;
};

} // namespace cuecard
