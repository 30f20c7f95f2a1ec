#include <cuecard/register.hpp>

#include "mpnet.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::mpnet::MpNet>("mpnet", "MPNet encoders", "mpnet"),
};

} // namespace

CUECARD_PLUGIN("mpnet", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
