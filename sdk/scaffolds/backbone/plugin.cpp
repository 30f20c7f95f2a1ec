#include <cuecard/register.hpp>

#include "my_plugin.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<my_plugin::MyPlugin>("my-plugin", "A small decoder from scratch", "my-plugin"),
};

} // namespace

CUECARD_PLUGIN("my-plugin", "0.1.0", "Apache-2.0", "", components)
