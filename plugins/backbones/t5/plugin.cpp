#include <cuecard/register.hpp>

#include "t5.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::t5::T5>("t5", "T5 encoder-decoders (T5, T5 1.1, LM-adapted, Flan-T5, mT5, umT5)",
                                       "t5|mt5|umt5"),
};

} // namespace

CUECARD_PLUGIN("t5", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
