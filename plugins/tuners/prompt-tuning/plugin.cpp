#include <cuecard/register.hpp>

#include "prompt_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option(
        "length", "-1", -1, 10000,
        "Number of virtual tokens prepended to the input; -1: 20, or none if the template has soft slots.",
        "Lester et al. 2021, section 3.2: more than 20 gain little", CUECARD_ROLE_LENGTH),
    cuecard::integer_option("prompts", "1", 1, 1000,
                            "Number of soft prompts trained in parallel as an ensemble in one card.",
                            "Lester et al. 2021, section 6: five"),
    cuecard::text_option(
        "init", "vocabulary", "vocabulary|text|labels|random|card",
        "Initial values of the soft prompt: embeddings of sampled common tokens (vocabulary), of the words of "
        "init-text (text) or of the labels' words (labels), normal ones (random), or those of the "
        "soft prompt in the card `from` (card).",
        "Lester et al. 2021, section 3.2"),
    cuecard::needing("init=text",
                     cuecard::text_option("init-text", "", "",
                                          "Words for init=text, repeated or truncated to the length.",
                                          "Lester et al. 2021, section 3.2")),
    cuecard::needing("init=card",
                     cuecard::card_option("from", "Card with the initial soft prompt for init=card.",
                                          "Lester et al. 2021, section 3.2; Vu et al. 2022")),
    cuecard::number_option("weight-decay", "0", 0, 1, "Decoupled weight decay, times the learning rate.",
                           "no decay, since there are few parameters"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::PromptTuning>(
        "prompt-tuning", "Trainable virtual tokens among the word embeddings (Lester et al. 2021)",
        CUECARD_TRAINS_TENSORS, options, "PROMPT_TUNING|P_TUNING"),
};

} // namespace

CUECARD_PLUGIN("prompt-tuning", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
