#include <cuecard/parts/words/label_word_options.hpp>

#include "rules.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::multi_token_handler_option,
    cuecard::word_prefix_option,
    cuecard::calibrate_option("none", "PTR does not calibrate; the option is Zhao et al. 2021's, per slot"),
    cuecard::calibrate_rows_option,
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::rules::Rules>("rules", "Labels as conjunctions of words, one per answer slot.",
                                               CUECARD_TRAINS_NOTHING, options),
};

} // namespace

CUECARD_PLUGIN("rules", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
