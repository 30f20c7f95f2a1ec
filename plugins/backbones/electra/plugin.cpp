#include <cuecard/register.hpp>

#include "electra.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::electra::Electra>("electra", "ELECTRA generators and discriminators", "electra"),
};

} // namespace

CUECARD_PLUGIN("electra", "0.1.0", "Apache-2.0", "", components)
