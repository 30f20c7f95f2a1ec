#include <cuecard/register.hpp>

#include "albert.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::albert::Albert>("albert", "ALBERT encoders, whose layers share weights",
                                               "albert"),
};

} // namespace

CUECARD_PLUGIN("albert", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
