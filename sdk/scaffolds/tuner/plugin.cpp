#include <cuecard/register.hpp>

#include "my_plugin.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("length", "8", 1, 1000, "Number of virtual tokens prepended to the prompt.",
                            "arbitrary, for a start", CUECARD_ROLE_LENGTH),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<my_plugin::MyPlugin>("my-plugin", "A few virtual tokens prepended to the prompt",
                                        CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("my-plugin", "0.1.0", "Apache-2.0", "", components)
