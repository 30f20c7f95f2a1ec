#include <cuecard/register.hpp>

#include "bart.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::bart::Bart>("bart", "BART encoder-decoders", "bart"),
};

} // namespace

CUECARD_PLUGIN("bart", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
