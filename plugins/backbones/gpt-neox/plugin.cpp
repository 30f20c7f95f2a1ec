#include <cuecard/register.hpp>

#include "gpt_neox.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::gpt_neox::GptNeox>("gpt-neox", "GPT-NeoX and Pythia", "gpt_neox"),
};

} // namespace

CUECARD_PLUGIN("gpt-neox", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
