#include <cuecard/register.hpp>

#include "electra.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::electra::Electra>("electra", "ELECTRA generators and discriminators", "electra"),
};

} // namespace

CUECARD_PLUGIN("electra", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
