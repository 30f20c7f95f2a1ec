#include <cuecard/register.hpp>

#include "p_tuning_v2.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option(
        "length", "20", 1, 10000, "Number of virtual tokens in every layer.",
        "the authors' scripts for RTE, WiC and WSC with BERT-large; Liu et al. 2022, section 4.3",
        CUECARD_ROLE_LENGTH),
    cuecard::number_option("dropout", "0.1", 0, 0.99, "Dropout on the prefixes during training.",
                           "the authors' scripts: BERT's hidden_dropout_prob"),
    cuecard::flag_option(
        "projection", "false", "Reparametrise the prefixes with a small network during training.",
        "Liu et al. 2022, section 3.3: the effect depends on the task", CUECARD_ROLE_REPARAMETRISED),
    cuecard::needing("projection=true", cuecard::integer_option("prefix-hidden", "512", 1, 1000000,
                                                                "Hidden width of that network.",
                                                                "the authors' code: prefix_hidden_size")),
    cuecard::number_option("weight-decay", "0", 0, 1, "Decoupled weight decay, times the learning rate.",
                           "the authors' scripts: 0"),
    cuecard::flag_option("count-positions", "true", "Positions of the text start at `length` instead of 0.",
                         "the authors' code; in their PT-Retrieval they start at 0",
                         CUECARD_ROLE_COUNTS_POSITIONS),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::PTuningV2>("p-tuning-v2", "Trainable prompts in every layer (Liu et al. 2022)",
                                       CUECARD_TRAINS_TENSORS, options, "PREFIX_TUNING"),
};

} // namespace

CUECARD_PLUGIN("p-tuning-v2", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
