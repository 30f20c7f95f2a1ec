#include <cuecard/parts/template/grammar_template_options.hpp>
#include <cuecard/register.hpp>

#include "my_plugin.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::template_text_option,
    cuecard::predict_eos_option,
    cuecard::encoder_decoder_option,
    cuecard::chat_format_option,
    cuecard::text_option("line", "Answer briefly.", "", "The line before every prompt.",
                         "arbitrary, for a start"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::prompt_template<my_plugin::MyPlugin>("my-plugin", "A template with a line before it", options),
};

} // namespace

CUECARD_PLUGIN("my-plugin", "0.1.0", "Apache-2.0", "", components)
