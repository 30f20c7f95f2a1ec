#include <cuecard/register.hpp>

#include "opt.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::opt::Opt>("opt", "OPT and Galactica", "opt"),
};

} // namespace

CUECARD_PLUGIN("opt", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
