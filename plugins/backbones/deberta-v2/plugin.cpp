#include <cuecard/register.hpp>

#include "deberta.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::deberta::Deberta>("deberta-v2", "DeBERTa v2 and v3 encoders", "deberta-v2"),
};

} // namespace

CUECARD_PLUGIN("deberta-v2", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
