/// Options that verbalizers with label words share, declared once.
#pragma once

#include <cuecard/register.hpp>

namespace cuecard {

constexpr cuecard_option_v1 multi_token_handler_option = text_option(
    "multi-token-handler", "first", "first|max|mean",
    "How a word of several tokens is scored: by its first token's logit, the largest, or their mean.",
    "OpenPrompt, ManualVerbalizer");

/// For verbalizers that use JointWordScores as well.
constexpr cuecard_option_v1 joint_multi_token_option = text_option(
    "multi-token-handler", "first", "first|max|mean|joint|joint-mean",
    "How a word of several tokens is scored: at one answer slot by its first token's logit, the largest, or their mean; or as "
    "a whole, by the sum or the mean of its tokens' log-probabilities, with a mask for each token in masked models.",
    "OpenPrompt, ManualVerbalizer; joint: Schick and Schuetze 2021, section 3.1");

constexpr cuecard_option_v1 word_prefix_option =
    text_option("prefix", " ", "", "Prepended to each label word, unless the word begins with <!>.",
                "OpenPrompt, ManualVerbalizer");

constexpr cuecard_option_v1 calibrate_rows_option = integer_option(
    "calibrate-rows", "200", 1, 1e6, "Maximum number of training examples for `calibrate=train`.",
    "OpenPrompt's tutorial on calibration");

/// `value` is the component's default, `source` where it comes from.
constexpr cuecard_option_v1 calibrate_option(const char* value, const char* source) {
  return text_option(
      "calibrate", value, "none|blank|train",
      "Divide by the model's prior: measured on the template with empty fields, or as the mean over "
      "training examples.",
      source);
}

} // namespace cuecard
