#include <cuecard/register.hpp>

#include "mpnet.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::mpnet::MpNet>("mpnet", "MPNet encoders", "mpnet"),
};

} // namespace

CUECARD_PLUGIN("mpnet", "0.1.0", "Apache-2.0", "", components)
