#include <cuecard/parts/words/label_word_options.hpp>

#include "prototypical.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("dimension", "64", 1, 4096, "Dimension of the prototypes.",
                            "OpenPrompt, ProtoVerbalizer, mid_dim"),
    cuecard::integer_option("epochs", "30", 1, 1e6, "Optimizer steps, each on all chosen examples.",
                            "OpenPrompt, shipped configuration (the class itself: 5)"),
    cuecard::number_option("lr", "0.01", 1e-9, 100, "Learning rate of projection and prototypes.",
                           "OpenPrompt, shipped configuration (the class itself: 0.001)"),
    cuecard::integer_option("rows-per-label", "64", 1, 1e6,
                            "Maximum number of training examples per label for the prototypes.",
                            "none: all pairs are compared, so time and memory are quadratic"),
    cuecard::text_option("decide-by", "prototypes", "prototypes|prototypes-and-words",
                         "Predict by the nearest prototype alone, or by the mean of the standardised scores of "
                         "prototypes and label words.",
                         "Cui et al. 2022, sections 3.3 and 4; OpenPrompt, multi_verb"),
    cuecard::multi_token_handler_option,
    cuecard::word_prefix_option,
    cuecard::calibrate_option("none", "for the label words; Zhao et al. 2021"),
    cuecard::calibrate_rows_option,
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::prototypical::Prototypical>(
        "prototypical", "The nearest prototype, trained contrastively on training examples.",
        CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("prototypical", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
