#include <cuecard/register.hpp>

#include "olmo2.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::olmo2::Olmo2>("olmo2", "OLMo 2", "olmo2"),
};

} // namespace

CUECARD_PLUGIN("olmo2", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
