#include <cuecard/register.hpp>

#include "bert.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::bert::Bert>("bert", "BERT-like encoders (BERT, MiniLM)", "bert"),
};

} // namespace

CUECARD_PLUGIN("bert", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
