#include <cuecard/register.hpp>

#include "smop.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("prompts", "4", 1, 1000, "Number of soft prompts that the router chooses among.",
                            "the authors' command: 20 virtual tokens in prompts of 5"),
    cuecard::integer_option("length", "5", 1, 10000, "Virtual tokens of each soft prompt.",
                            "the authors' command: 5"),
    cuecard::text_option("noise", "multiplicative", "multiplicative|additive|none",
                         "Gaussian noise on the router's logits during training.",
                         "the authors' README: scaled by the logits"),
    cuecard::needing("noise=multiplicative|additive",
                     cuecard::number_option("noise-deviation", "1", 0, 100, "Standard deviation of that noise.",
                                            "the authors' code: 1")),
    cuecard::number_option("weight-decay", "0.00001", 0, 1, "Decoupled weight decay, times the learning rate.",
                           "the authors' code: 1e-5"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::Smop>(
        "smop", "Short soft prompts, of which a router picks one per input (Choi et al. 2023)",
        CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("smop", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
