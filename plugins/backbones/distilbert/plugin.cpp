#include <cuecard/register.hpp>

#include "distilbert.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::distilbert::DistilBert>("distilbert", "DistilBERT encoders", "distilbert"),
};

} // namespace

CUECARD_PLUGIN("distilbert", "0.1.0", "Apache-2.0", "", components)
