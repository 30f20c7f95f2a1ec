#include <cuecard/register.hpp>

#include "phi3.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::phi3::Phi3>("phi3", "Phi-3 and Phi-4 mini", "phi3"),
};

} // namespace

CUECARD_PLUGIN("phi3", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
