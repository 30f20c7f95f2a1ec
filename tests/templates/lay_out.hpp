/// The way of one example from the template's text to token rows, with the step at which it failed.
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
  /// Teacher forcing: `example.answers` are laid into the answer slots.
  bool give_answers = false;
  bool predict_eos = false;
  bool causal = false;
  std::string encoder_decoder; ///< how an encoder-decoder is asked; "": the model is none
  int64_t decoder_start = -1;
  /// Ask the tuner that learns nothing whether it can work with the template.
  bool learns_nothing = false;
  LengthLimit limit;
};

/// In the order in which they come. `parse`: the text; `load`: the text and the model; `wrap`: the example;
/// `tokenize`: the rows.
enum class Stage { parse, load, wrap, tokenize, done };

struct Layout {
  Stage failed = Stage::done;
  std::string message; ///< of the error
  Prompt prompt;
  TokenizedPrompt rows;
  std::vector<SoftSlot> soft_slots;
};

/// Errors other than UsageError and DataError are not caught.
Layout lay_out(const LayoutCase& given, const Vocabulary& vocabulary);

} // namespace cuecard
