#include <cuecard/register.hpp>

#include "superpos.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("length", "10", 1, 1000, "Number of virtual tokens prepended to the prompt.",
                            "as residual-prompt-tuning, to which the paper compares"),
    cuecard::integer_option("tokens", "128", 1, 5000, "Number of sampled tokens that are mixed, m.",
                            "the paper: 128, where more of them stop helping"),
    cuecard::text_option("start", "token", "token|mixture",
                         "Initial weights: each virtual token is one of the tokens, or a random mixture.",
                         "chosen here"),
    cuecard::flag_option("offsets", "true", "Also train an offset of every embedding, for each virtual token.",
                         "the paper: Delta E, initially zero"),
    cuecard::needing("offsets=true",
                     cuecard::number_option("offset-decay", "0.01", 0, 1,
                                            "Decoupled weight decay of the offsets, times the learning rate.",
                                            "chosen here")),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<superpos::Superpos>("superpos",
                                       "Virtual tokens that are sums of word embeddings (SuperPos-Prompt)",
                                       CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("superpos", "0.1.0", "Apache-2.0", "", components)
