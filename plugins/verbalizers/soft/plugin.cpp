#include <cuecard/parts/label_word_options.hpp>

#include "soft.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::word_prefix_option,
    cuecard::number_option("lr-scale", "1", 0.0001, 10000,
                           "Learning rate of the vectors, relative to the run's.",
                           "Hambardzumyan et al. 2021: prompt and vectors learn at one rate"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::soft::Soft>("soft",
                                             "A learned vector for each label in place of a word's output row.",
                                             CUECARD_LEARNS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("soft", "0.1.0", "Apache-2.0", "", components)
