#include <cuecard/register.hpp>

#include "olmo2.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::olmo2::Olmo2>("olmo2", "OLMo 2", "olmo2"),
};

} // namespace

CUECARD_PLUGIN("olmo2", "0.1.0", "Apache-2.0", "", components)
