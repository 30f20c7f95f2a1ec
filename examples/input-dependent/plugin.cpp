#include <cuecard/register.hpp>

#include "input_dependent.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("length", "5", 1, 1000, "Number of virtual tokens prepended to the prompt.",
                            "the authors' script: 5"),
    cuecard::integer_option("bottleneck", "16", 1, 100000, "Width of the generator's hidden layer.",
                            "the authors' script: 16"),
    cuecard::text_option("features", "embeddings", "embeddings|states",
                         "The generator's input features: the mean of its fields' word embeddings, or of "
                         "their last hidden states, for which the model runs once more.",
                         "the authors' code: a sentence representation, or the mean of GloVe vectors"),
    cuecard::number_option(
        "weight-decay", "0.1", 0, 1,
        "Decoupled weight decay of all but the rows that inputs share, times the learning rate.",
        "the authors' script: 0.1"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<input_dependent::InputDependent>(
        "input-dependent", "A soft prompt generated from each input (IDPG, Wu et al. 2022)",
        CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("input-dependent", "0.1.0", "Apache-2.0", "", components)
