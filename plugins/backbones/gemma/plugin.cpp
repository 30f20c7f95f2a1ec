#include <cuecard/register.hpp>

#include "gemma.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::gemma::Gemma>("gemma", "Gemma 1, 2 and 3 (text)", "gemma|gemma2|gemma3_text"),
};

} // namespace

CUECARD_PLUGIN("gemma", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
