/// What the program says about examples that were truncated.
#pragma once

#include <string>

#include "batch/cut_tokens.hpp"

namespace cuecard::host {

/// The examples, and what the user can do about them.
struct CutContext {
  std::string file;     ///< their source; may be empty
  std::string what;     ///< their name in messages: "training examples"
  std::string raise;    ///< what sets the limit: "--max-length", "\"max_length\" in the task file"
  int64_t longest = 0;  ///< tokens that the model takes at most; 0: no limit
  bool windows = false; ///< whether long texts could be split instead: "truncate": "windows"
  /// Of examples that a text continues: what sets how long it may be, and the length that they would be cut to without it.
  std::string new_tokens = {};
  int64_t alone = 0;
};

/// `train.tsv: 12 of 256 training examples cut to 64 tokens (310 tokens of the field "text" lost).`; nothing if none
/// was cut.
std::string cut_sentence(const CutExamples& cut, const CutContext& context);

/// What can be done about it, in one sentence; nothing unless more than 5 % were cut.
std::string cut_advice(const CutExamples& cut, const CutContext& context);

/// Both, one line each on standard error.
void report_cut(const CutExamples& cut, const CutContext& context);

} // namespace cuecard::host
