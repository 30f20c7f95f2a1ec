#include <cuecard/register.hpp>

#include "prompt_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option(
        "length", "-1", -1, 10000,
        "Learned rows in front of the input; -1: 20, or none when the template has soft slots of its own.",
        "Lester et al. 2021, section 3.2: more than 20 gain little"),
    cuecard::integer_option("prompts", "1", 1, 1000,
                            "Prompts that learn side by side and decide together: an ensemble in one card.",
                            "Lester et al. 2021, section 6: five"),
    cuecard::text_option("init", "vocabulary", "vocabulary|text|labels|random|card", "Where the rows start.",
                         "Lester et al. 2021, section 3.2"),
    cuecard::text_option("init-text", "", "", "Words for init=text; repeated or cut to the length.",
                         "Lester et al. 2021, section 3.2"),
    cuecard::card_option("from", "The card whose learned rows init=card starts from.",
                         "Lester et al. 2021, section 3.2; Vu et al. 2022"),
    cuecard::number_option("weight-decay", "0", 0, 1,
                           "Decoupled weight decay of the rows, times the learning rate.",
                           "no decay: the rows are few"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::PromptTuning>("prompt-tuning",
                                          "Learned rows among the word embeddings (Lester et al. 2021)",
                                          CUECARD_LEARNS_TENSORS, options, "PROMPT_TUNING|P_TUNING"),
};

} // namespace

CUECARD_PLUGIN("prompt-tuning", "0.1.0", "Apache-2.0", "", components)
