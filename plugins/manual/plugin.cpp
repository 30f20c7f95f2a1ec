#include <cuecard/parts/template/grammar_template.hpp>
#include <cuecard/parts/template/grammar_template_options.hpp>
#include <cuecard/parts/words/label_word_options.hpp>

#include "manual_tuner.hpp"
#include "manual_verbalizer.hpp"

namespace {

constexpr cuecard_option_v1 template_options[] = {
    cuecard::template_text_option,
    cuecard::predict_eos_option,
    cuecard::encoder_decoder_option,
    cuecard::chat_format_option,
};

constexpr cuecard_option_v1 verbalizer_options[] = {
    cuecard::joint_multi_token_option,
    cuecard::word_prefix_option,
    cuecard::calibrate_option("none", "Zhao et al. 2021; OpenPrompt uses training examples"),
    cuecard::calibrate_rows_option,
    cuecard::flag_option(
        "post-log-softmax", "true",
        "Score a label by log-probabilities over all label words; otherwise by the mean logit.",
        "OpenPrompt, ManualVerbalizer"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::prompt_template<cuecard::GrammarTemplate>(
        "manual", "A text with fields, answer slots and soft slots, in OpenPrompt's language.",
        template_options),
    cuecard::verbalizer<cuecard::manual::ManualVerbalizer>(
        "manual", "Label words chosen by hand, with contextual calibration.", CUECARD_TRAINS_NOTHING,
        verbalizer_options),
    cuecard::tuner<cuecard::manual::ManualTuner>("manual", "Trains nothing: the template does all the work.",
                                                 CUECARD_TRAINS_NOTHING),
};

} // namespace

CUECARD_PLUGIN("manual", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
