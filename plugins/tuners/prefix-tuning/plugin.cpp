#include <cuecard/register.hpp>

#include "prefix_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option(
        "length", "0", 0, 10000,
        "Rows in front of every layer's own; 0: 10, and 50 from a hidden size of 3,072 on.",
        "Li & Liang 2021, appendix A: 10 for table-to-text, 200 for summaries; PEFT's method "
        "comparison on Llama-3.2-3B: 50"),
    cuecard::flag_option("projection", "true", "The rows come out of a network while they are learned.",
                         "Li & Liang 2021, section 4.3: learning them directly is unstable"),
    cuecard::integer_option("mid-dim", "512", 1, 1000000, "Width inside that network.",
                            "Li & Liang 2021, section 4.3: 512 for table-to-text, 800 for summaries"),
    cuecard::text_option("init", "auto", "auto|random|text",
                         "Where the rows start: random numbers, or the model's keys and values of words. auto: "
                         "words where rows are learned directly, random numbers behind a network.",
                         "Li & Liang 2021, section 7.4"),
    cuecard::text_option("init-text", "summarize", "", "Words for init=text; repeated or cut to the length.",
                         "Li & Liang 2021, section 7.4, and the authors' code"),
    cuecard::number_option("dropout", "0", 0, 0.99, "Dropout of the prefix in training.",
                           "the authors' code: 0"),
    cuecard::number_option("weight-decay", "0", 0, 1, "Decoupled weight decay, times the learning rate.",
                           "the authors' code: 0"),
    cuecard::flag_option("self", "true", "A prefix in front of (the decoder's own) self-attention.",
                         "Li & Liang 2021, section 4.2"),
    cuecard::flag_option("encoder", "true", "One in front of an encoder-decoder's encoder self-attention.",
                         "Li & Liang 2021, section 4.2"),
    cuecard::flag_option("cross", "true", "One in front of an encoder-decoder's cross-attention.",
                         "the authors' code for BART"),
    cuecard::flag_option("count-positions", "true", "The text begins at position `length`, else at 0.",
                         "the authors' code for GPT-2, and PEFT; their code for BART begins at 0"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::PrefixTuning>("prefix-tuning",
                                          "Learned keys and values in every layer (Li & Liang 2021)",
                                          CUECARD_LEARNS_TENSORS, options, "PREFIX_TUNING"),
};

} // namespace

CUECARD_PLUGIN("prefix-tuning", "0.1.0", "Apache-2.0", "", components)
