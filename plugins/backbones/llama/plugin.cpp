#include <cuecard/register.hpp>

#include "llama.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::llama::Llama>("llama", "Llama-like decoders (Llama, SmolLM2, Mistral, Qwen)",
                                             "llama|mistral|qwen2|qwen3"),
};

} // namespace

CUECARD_PLUGIN("llama", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
