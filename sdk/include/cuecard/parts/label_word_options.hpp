/// Options that verbalizers with label words share, declared once.
#pragma once

#include <cuecard/register.hpp>

namespace cuecard {

constexpr cuecard_option_v1 multi_token_handler_option =
    text_option("multi-token-handler", "first", "first|max|mean",
                "What stands for a word of several tokens: the first, the largest or the mean score.",
                "OpenPrompt, ManualVerbalizer");

constexpr cuecard_option_v1 word_prefix_option =
    text_option("prefix", " ", "", "Put in front of each label word, unless the word begins with <!>.",
                "OpenPrompt, ManualVerbalizer");

constexpr cuecard_option_v1 calibrate_rows_option =
    integer_option("calibrate-rows", "200", 1, 1e6, "Training rows that `calibrate` train reads at most.",
                   "OpenPrompt's tutorial on calibration");

/// `value` is the component's default, `source` where that comes from.
constexpr cuecard_option_v1 calibrate_option(const char* value, const char* source) {
  return text_option("calibrate", value, "none|blank|train",
                     "Divide out what the model says without content: on the template with empty fields, or on "
                     "the mean of training rows.",
                     source);
}

} // namespace cuecard
