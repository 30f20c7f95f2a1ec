#include <cuecard/register.hpp>

#include "prefix_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option(
        "length", "0", 0, 10000,
        "Number of virtual tokens in every layer; 0: 10, or 50 from a hidden size of 3,072.",
        "Li & Liang 2021, appendix A: 10 for table-to-text, 200 for summaries; PEFT's method "
        "comparison on Llama-3.2-3B: 50",
        CUECARD_ROLE_LENGTH),
    cuecard::flag_option("projection", "true", "Reparametrise the prefix with a small network during training.",
                         "Li & Liang 2021, section 4.3: training it directly is unstable",
                         CUECARD_ROLE_REPARAMETRISED),
    cuecard::needing(
        "projection=true",
        cuecard::integer_option("mid-dim", "512", 1, 1000000, "Hidden width of that network.",
                                "Li & Liang 2021, section 4.3: 512 for table-to-text, 800 for summaries")),
    cuecard::text_option(
        "init", "auto", "auto|random|text",
        "Initialisation: random, or the model's keys and values of init-text. auto: text without "
        "projection, random with it.",
        "Li & Liang 2021, section 7.4"),
    cuecard::needing("init=auto|text",
                     cuecard::text_option("init-text", "summarize", "",
                                          "Words for init=text, repeated or truncated to the length.",
                                          "Li & Liang 2021, section 7.4, and the authors' code")),
    cuecard::number_option("dropout", "0", 0, 0.99, "Dropout on the prefix during training.",
                           "the authors' code: 0"),
    cuecard::number_option("weight-decay", "0", 0, 1, "Decoupled weight decay, times the learning rate.",
                           "the authors' code: 0"),
    cuecard::flag_option("self", "true",
                         "Add a prefix to the self-attention (of the decoder, if there is an encoder).",
                         "Li & Liang 2021, section 4.2", CUECARD_ROLE_SITE_SELF),
    cuecard::flag_option("encoder", "true",
                         "Add a prefix to the encoder's self-attention of an encoder-decoder.",
                         "Li & Liang 2021, section 4.2", CUECARD_ROLE_SITE_ENCODER),
    cuecard::flag_option("cross", "true", "Add a prefix to the cross-attention of an encoder-decoder.",
                         "the authors' code for BART", CUECARD_ROLE_SITE_CROSS),
    cuecard::flag_option("count-positions", "true", "Positions of the text start at `length` instead of 0.",
                         "the authors' code for GPT-2, and PEFT; in their code for BART they start at 0",
                         CUECARD_ROLE_COUNTS_POSITIONS),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::PrefixTuning>("prefix-tuning",
                                          "Trainable keys and values in every layer (Li & Liang 2021)",
                                          CUECARD_TRAINS_TENSORS, options, "PREFIX_TUNING"),
};

} // namespace

CUECARD_PLUGIN("prefix-tuning", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
