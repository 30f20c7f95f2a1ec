#include <cuecard/register.hpp>

#include "deberta.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::deberta::Deberta>("deberta-v2", "DeBERTa v2 and v3 encoders", "deberta-v2"),
};

} // namespace

CUECARD_PLUGIN("deberta-v2", "0.1.0", "Apache-2.0", "", components)
