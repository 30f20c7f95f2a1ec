#include <cuecard/register.hpp>

#include "residual_prompt_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("length", "10", 1, 1000, "Number of virtual tokens prepended to the prompt.",
                            "the authors' command: 10"),
    cuecard::integer_option("bottleneck", "800", 1, 100000, "Width of the network's hidden layer.",
                            "the authors' code: 800; section 5.6: above 50 it matters little"),
    cuecard::number_option(
        "gain", "0", 0, 1000,
        "Initial weight of the network's layer norm; 0: the standard deviation of the initial rows.",
        "the authors' code: 1, for T5; 0 was chosen here"),
    cuecard::number_option("weight-decay", "0.00001", 0, 1, "Decoupled weight decay, times the learning rate.",
                           "the authors' code: 1e-5"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<residual_prompt_tuning::ResidualPromptTuning>(
        "residual-prompt-tuning",
        "A soft prompt reparametrised by a network with a skip connection (Razdaibiedina et al. 2023)",
        CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("residual-prompt-tuning", "0.1.0", "Apache-2.0", "", components)
