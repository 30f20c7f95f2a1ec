#include <cuecard/register.hpp>

#include "fact.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::text_option("prefix", " ", "", "Prepended to each object.",
                         "objects follow a space in a sentence"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::fact::Fact>(
        "fact", "Objects of a relation, one token each, by their log-probability (Petroni et al. 2019)",
        CUECARD_TRAINS_NOTHING, options),
};

} // namespace

CUECARD_PLUGIN("fact", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
