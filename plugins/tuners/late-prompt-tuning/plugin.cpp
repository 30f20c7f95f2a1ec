#include <cuecard/register.hpp>

#include "late_prompt_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("length", "10", 1, 10000, "Number of late virtual tokens.",
                            "the authors' scripts use 5 with a generator and 20 without"),
    cuecard::integer_option(
        "layer", "-1", -1, 1023,
        "First layer that sees the virtual tokens: 1 (the second) or more, below the model's "
        "number of layers; -1: the middle one.",
        "the authors' scripts: 12 of 24 layers (RoBERTa-large), 18 of 36 (GPT-2 large)"),
    cuecard::text_option(
        "generator", "none", "none|instance",
        "What gives the late tokens their values. none: they are trained themselves, and the same for every input; "
        "instance: a trained network computes them for each input, from its hidden states at the layer.",
        "Liu et al. 2022, the naive prompt generator"),
    cuecard::needing("generator=instance",
                     cuecard::integer_option("bottleneck", "128", 1, 100000,
                                             "Width between the two linear layers of that network.",
                                             "the authors' scripts: 128")),
    cuecard::number_option("dropout", "0.1", 0, 0.99, "Dropout on the generator's output during training.",
                           "the authors' code takes the model's rate, 0.1 for RoBERTa and GPT-2"),
    cuecard::text_option(
        "init", "hidden", "hidden|random",
        "Initial values without a generator: hidden states of sampled tokens, or standard normal.",
        "random: the authors' code; hidden: Lester et al. 2021, section 3.2, carried over to a later layer"),
    cuecard::number_option("weight-decay", "0.1", 0, 1,
                           "Decoupled weight decay, times the learning rate; none on biases.",
                           "the authors' scripts: 0.1"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::LatePromptTuning>("late-prompt-tuning",
                                              "Virtual tokens that enter at a middle layer (Liu et al. 2022)",
                                              CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("late-prompt-tuning", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
