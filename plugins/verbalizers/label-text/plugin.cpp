#include <cuecard/parts/words/label_word_options.hpp>

#include "label_text.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::flag_option(
        "normalise", "false",
        "Divide a text's log-probability by its number of tokens, so that longer texts are not penalised.",
        "Brown et al. 2020, section 2.4"),
    cuecard::text_option(
        "loss", "labels", "labels|likelihood",
        "The training loss: cross-entropy among the labels, or the negative log-likelihood of the "
        "gold label's text alone.",
        "OpenPrompt's GenerationVerbalizer trains by likelihood"),
    cuecard::text_option("calibrate", "none", "none|blank",
                         "Subtract the scores of the texts after the template with empty fields.",
                         "Zhao et al. 2021; Holtzman et al. 2021"),
    cuecard::text_option(
        "choices", "", "",
        "The list of alternatives whose texts are scored as the labels, in order; empty: the task's labels.",
        "Brown et al. 2020, section 2.4 (multiple choice)"),
    cuecard::word_prefix_option,
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::label_text::LabelText>(
        "label-text", "Scores labels by the likelihood of their whole text.", CUECARD_TRAINS_NOTHING, options),
};

} // namespace

CUECARD_PLUGIN("label-text", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
