#include <cuecard/register.hpp>

#include "in_context.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("k", "4", 1, 1000,
                            "Demonstrations of each label; fewer where there are fewer rows.",
                            "Brown et al. 2020, section 2.4: as many as fit"),
    cuecard::text_option("choose", "seed", "seed|first|lines|similar",
                         "Drawn by the seed; the first rows of each label in the training file; those of its "
                         "lines that `lines` names; or those most like the input.",
                         "Brown et al. 2020, section 2.4: drawn at random"),
    cuecard::text_option("lines", "", "",
                         "choose=lines: lines of the training file, as 12,3,40; shown in this order.",
                         "chosen by hand"),
    cuecard::integer_option("order", "0", 0, 1e9,
                            "0: as chosen (similar: the most alike last); else shuffled by this seed.",
                            "Zhao et al. 2021: the order decides much"),
    cuecard::text_option("separator", "\\n\\n", "",
                         "Text behind each demonstration; \\n is a line feed, \\t a tabulator.",
                         "Brown et al. 2020, section 2.4: one or two line feeds"),
    cuecard::integer_option(
        "pool", "1000", 1, 1e5,
        "choose=similar: training rows to choose from, kept in the card, as many of each label.",
        "4 MB of states at 1,000 numbers a row"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::InContext>(
        "in-context", "Labelled rows in front of the input; learns nothing (Brown et al. 2020)",
        CUECARD_LEARNS_TOKENS, options),
};

} // namespace

CUECARD_PLUGIN("in-context", "0.1.0", "Apache-2.0", "", components)
