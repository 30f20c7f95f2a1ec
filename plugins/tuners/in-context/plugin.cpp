#include <cuecard/register.hpp>

#include "in_context.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("k", "4", 1, 1000, "Demonstrations per label; fewer if there are fewer examples.",
                            "Brown et al. 2020, section 2.4: as many as fit"),
    cuecard::text_option(
        "choose", "seed", "seed|first|lines|similar",
        "How demonstrations are chosen. seed: at random, by --seed; first: the first of each label in the training "
        "file; lines: the lines that the option `lines` names; similar: for each input the most similar ones.",
        "Brown et al. 2020, section 2.4: drawn at random"),
    cuecard::needing("choose=lines",
                     cuecard::text_option(
                         "lines", "", "",
                         "choose=lines: line numbers of the training file, such as 12,3,40; the order is kept.",
                         "chosen by hand")),
    cuecard::integer_option("order", "0", 0, 1e9,
                            "0: as chosen (similar: the most similar last); otherwise the seed of a shuffle.",
                            "Zhao et al. 2021: the order has a large effect"),
    cuecard::text_option("separator", "\\n\\n", "",
                         "Text after each demonstration; \\n is a line feed, \\t a tab.",
                         "Brown et al. 2020, section 2.4: one or two line feeds"),
    cuecard::needing(
        "choose=similar",
        cuecard::integer_option(
            "pool", "1000", 1, 1e5,
            "choose=similar: training examples to choose from, stored in the card, the same number per label.",
            "4 MB of representations at a hidden size of 1,000")),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::InContext>("in-context",
                                       "Labelled examples before the input; trains nothing (Brown et al. 2020)",
                                       CUECARD_TRAINS_TOKENS, options),
};

} // namespace

CUECARD_PLUGIN("in-context", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
