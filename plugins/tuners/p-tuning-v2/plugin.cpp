#include <cuecard/register.hpp>

#include "p_tuning_v2.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option(
        "length", "20", 1, 10000, "Rows in front of every layer's own.",
        "the authors' scripts for RTE, WiC and WSC with BERT-large; Liu et al. 2022, section 4.3"),
    cuecard::number_option("dropout", "0.1", 0, 0.99, "Dropout of the prompts in training.",
                           "the authors' scripts: BERT's hidden_dropout_prob"),
    cuecard::flag_option("projection", "false", "The rows come out of a network while they are learned.",
                         "Liu et al. 2022, section 3.3: what helps depends on the task"),
    cuecard::integer_option("prefix-hidden", "512", 1, 1000000, "Width inside that network.",
                            "the authors' code: prefix_hidden_size"),
    cuecard::number_option("weight-decay", "0", 0, 1, "Decoupled weight decay, times the learning rate.",
                           "the authors' scripts: 0"),
    cuecard::flag_option("count-positions", "true", "The text begins at position `length`, else at 0.",
                         "the authors' code; their PT-Retrieval begins at 0"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::PTuningV2>("p-tuning-v2",
                                       "Learned prompts in every layer, learned directly (Liu et al. 2022)",
                                       CUECARD_LEARNS_TENSORS, options, "PREFIX_TUNING"),
};

} // namespace

CUECARD_PLUGIN("p-tuning-v2", "0.1.0", "Apache-2.0", "", components)
