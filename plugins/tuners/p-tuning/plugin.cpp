#include <cuecard/register.hpp>

#include "p_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option(
        "length", "-1", -1, 10000,
        "Number of virtual tokens prepended to the input; -1: 9, or none if the template has soft slots.",
        "Liu et al. 2021, section 4.1: three times three", CUECARD_ROLE_LENGTH),
    cuecard::text_option("encoder", "lstm", "lstm|mlp",
                         "Encoder that computes the soft prompt during training.",
                         "Liu et al. 2021, section 3.2: a bidirectional LSTM of 2 layers and an MLP"),
    cuecard::needing("encoder=lstm",
                     cuecard::integer_option(
                         "hidden", "0", 0, 1000000,
                         "Width of the LSTM's hidden states per direction; 0: half of the embedding width.",
                         "the authors' LAMA; their few-shot code uses the whole width")),
    cuecard::integer_option(
        "maps", "2", 1, 8,
        "Number of linear layers of the encoder's MLP, which follows the LSTM or is alone; ReLU between them.",
        "Liu et al. 2021, section 3.2: two; PEFT's MLP encoder has three"),
    cuecard::number_option("weight-decay", "0.0005", 0, 1, "Weight decay of soft prompt and encoder.",
                           "the authors' LAMA: 5e-4, added to the gradient by Adam"),
    cuecard::flag_option("tune-model", "false",
                         "Also train the model's weights; the card then stores those that changed.",
                         "Liu et al. 2021, section 4.2 (SuperGLUE); section 4.1 leaves the model frozen"),
    cuecard::needing("tune-model=true",
                     cuecard::number_option("model-lr-scale", "0.1", 0.000001, 1000,
                                            "Learning rate of the model's weights, relative to the run's.",
                                            "the authors' few-shot code: 1e-5, and 1e-4 for the soft prompt")),
    cuecard::needing("tune-model=true",
                     cuecard::number_option("model-weight-decay", "0.1", 0, 1,
                                            "Weight decay of the model's matrices; not applied to its vectors.",
                                            "the authors' few-shot code")),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::PTuning>("p-tuning",
                                     "Virtual tokens in the template, computed by an encoder (Liu et al. 2021)",
                                     CUECARD_TRAINS_TENSORS, options, "P_TUNING|PROMPT_TUNING"),
};

} // namespace

CUECARD_PLUGIN("p-tuning", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
