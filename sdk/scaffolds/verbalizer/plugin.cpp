#include <cuecard/register.hpp>

#include "my_plugin.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::number_option("temperature", "1", 1e-3, 1e3, "Divides the scores.", "1 changes nothing"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<my_plugin::MyPlugin>("my-plugin", "Mean logit of a label's words, with a temperature",
                                             CUECARD_TRAINS_NOTHING, options),
};

} // namespace

CUECARD_PLUGIN("my-plugin", "0.1.0", "Apache-2.0", "", components)
