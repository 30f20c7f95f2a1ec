#include <cuecard/parts/label_word_options.hpp>

#include "label_text.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::flag_option("normalise", "false",
                         "Divide a text's log-probability by its tokens, so that long texts lose nothing.",
                         "Brown et al. 2020, section 2.4"),
    cuecard::text_option("loss", "labels", "labels|likelihood",
                         "What training makes small: the cross-entropy among the labels, or minus the "
                         "log-probability of the right text alone.",
                         "OpenPrompt's GenerationVerbalizer trains by likelihood"),
    cuecard::text_option("calibrate", "none", "none|blank",
                         "Subtract what the texts score behind the template with empty fields.",
                         "Zhao et al. 2021; Holtzman et al. 2021"),
    cuecard::text_option(
        "choices", "", "",
        "The list of alternatives whose texts stand for the labels, in order; empty: the task's.",
        "Brown et al. 2020, section 2.4 (multiple choice)"),
    cuecard::word_prefix_option,
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::label_text::LabelText>(
        "label-text", "Labels by the likelihood of their whole text, all its tokens.", CUECARD_LEARNS_NOTHING,
        options),
};

} // namespace

CUECARD_PLUGIN("label-text", "0.1.0", "Apache-2.0", "", components)
