#include <cuecard/register.hpp>

#include "modernbert.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::modernbert::ModernBert>("modernbert", "ModernBERT encoders", "modernbert"),
};

} // namespace

CUECARD_PLUGIN("modernbert", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
