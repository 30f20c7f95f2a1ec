#include <cuecard/register.hpp>

#include "p_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option(
        "length", "-1", -1, 10000,
        "Pseudo tokens in front of the input; -1: 9, or none when the template has soft slots of its own.",
        "Liu et al. 2021, section 4.1: three times three"),
    cuecard::text_option("encoder", "lstm", "lstm|mlp", "What the rows come out of while they are learned.",
                         "Liu et al. 2021, section 3.2: a bidirectional LSTM of 2 layers and an MLP"),
    cuecard::integer_option("hidden", "0", 0, 1000000,
                            "Width of the LSTM's states in each direction; 0: half of the embedding's.",
                            "the authors' LAMA; their few-shot code takes the whole width"),
    cuecard::integer_option(
        "maps", "2", 1, 8,
        "Linear maps behind the LSTM, or alone, with ReLU between them; PEFT's encoder MLP has 3.",
        "Liu et al. 2021, section 3.2: two"),
    cuecard::number_option("weight-decay", "0.0005", 0, 1, "Decay of what is learned.",
                           "the authors' LAMA: 5e-4, added to the gradient by Adam"),
    cuecard::flag_option("tune-model", "false",
                         "Learn the model's weights, too; the card then holds those that changed.",
                         "Liu et al. 2021, section 4.2 (SuperGLUE); section 4.1 leaves the model frozen"),
    cuecard::number_option("model-lr-scale", "0.1", 0.000001, 1000,
                           "Learning rate of the model's weights, relative to the run's.",
                           "the authors' few-shot code: 1e-5 beside 1e-4"),
    cuecard::number_option("model-weight-decay", "0.1", 0, 1,
                           "Decay of the model's matrices; its vectors have none.",
                           "the authors' few-shot code"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::PTuning>("p-tuning", "Encoded pseudo tokens in the template (Liu et al. 2021)",
                                     CUECARD_LEARNS_TENSORS, options, "P_TUNING|PROMPT_TUNING"),
};

} // namespace

CUECARD_PLUGIN("p-tuning", "0.1.0", "Apache-2.0", "", components)
