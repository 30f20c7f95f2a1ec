#include <cuecard/register.hpp>

#include "gpt2.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::gpt2::Gpt2>("gpt2", "GPT-2-like decoders (GPT-2, DistilGPT-2)", "gpt2"),
};

} // namespace

CUECARD_PLUGIN("gpt2", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
