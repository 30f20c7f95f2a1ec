#include <cuecard/parts/words/label_word_options.hpp>

#include "soft.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::word_prefix_option,
    cuecard::number_option("lr-scale", "1", 0.0001, 10000,
                           "Learning rate of the vectors, relative to the run's.",
                           "Hambardzumyan et al. 2021: one learning rate for prompt and vectors"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::soft::Soft>(
        "soft", "A trained vector for each label instead of a word's output embedding.", CUECARD_TRAINS_TENSORS,
        options),
};

} // namespace

CUECARD_PLUGIN("soft", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
