#include <cuecard/register.hpp>

#include "opt.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::opt::Opt>("opt", "OPT and Galactica", "opt"),
};

} // namespace

CUECARD_PLUGIN("opt", "0.1.0", "Apache-2.0", "", components)
