#include <cuecard/register.hpp>

#include "distilbert.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::distilbert::DistilBert>("distilbert", "DistilBERT encoders", "distilbert"),
};

} // namespace

CUECARD_PLUGIN("distilbert", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
