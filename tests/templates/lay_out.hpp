/// One example from the template's text to tokens, with the stage at which it failed.
#pragma once

#include <string>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/template.hpp>
#include <cuecard/vocabulary.hpp>

#include "batch/assemble.hpp"

namespace cuecard {

/// One template and one example, as a case file gives them.
struct LayoutCase {
  std::string text;
  Example example;
  /// Teacher forcing: `example.answers` fill the answer slots.
  bool give_answers = false;
  bool predict_eos = false;
  bool causal = false;
  std::string encoder_decoder; ///< the layout of an encoder-decoder; "": the model is none
  int64_t decoder_start = -1;
  /// Prepare the tuner `manual` for the template.
  bool with_manual_tuner = false;
  LengthLimit limit;
};

/// In their order. `parse`: the text; `load`: the text and the model; `wrap`: the example; `tokenize`: the
/// tokens.
enum class Stage { parse, load, wrap, tokenize, done };

struct Layout {
  Stage failed = Stage::done;
  std::string message; ///< of the error
  Prompt prompt;
  TokenizedPrompt tokens;
  std::vector<SoftSlot> soft_slots;
};

/// Errors other than UsageError and DataError are not caught.
Layout lay_out(const LayoutCase& given, const Vocabulary& vocabulary);

} // namespace cuecard
