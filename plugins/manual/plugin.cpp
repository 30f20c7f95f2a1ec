#include <cuecard/parts/label_word_options.hpp>

#include "manual_template.hpp"
#include "manual_tuner.hpp"
#include "manual_verbalizer.hpp"

namespace {

constexpr cuecard_option_v1 template_options[] = {
    cuecard::text_option("text", "", "", "The template, in OpenPrompt's language or with {field} for short.",
                         "no default: a task has its own"),
    cuecard::flag_option(
        "predict-eos", "false",
        "A given answer ends in the end-of-sequence token, which is learned too (not in masked models).",
        "OpenPrompt, predict_eos_token"),
    cuecard::text_option(
        "encoder-decoder", "auto", "auto|sentinels|continuation|mask|plain",
        "How an encoder-decoder is asked: sentinels in place of the answers (T5), a text that ends where the "
        "answer begins (T5 adapted to language modelling), a mask token (BART), or the plain text, as models "
        "fine-tuned to answer are; auto: sentinels where the vocabulary has them, else a mask, else a text "
        "that "
        "ends.",
        "OpenPrompt, wrappers t5 and t5-lm"),
    cuecard::text_option("chat-format", "auto", "auto|chatml|llama-3|gemma|phi-3|zephyr|llama-2|mistral",
                         "How the turns of a template with roles are written; auto: as the model's own chat "
                         "template, which is recognised and never run.",
                         "the models' publishers"),
};

constexpr cuecard_option_v1 verbalizer_options[] = {
    cuecard::multi_token_handler_option,
    cuecard::word_prefix_option,
    cuecard::calibrate_option("none", "Zhao et al. 2021; OpenPrompt uses training rows"),
    cuecard::calibrate_rows_option,
    cuecard::flag_option("post-log-softmax", "true",
                         "Score by log-probabilities over all label words; else by the mean of raw scores.",
                         "OpenPrompt, ManualVerbalizer"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::prompt_template<cuecard::manual::ManualTemplate>(
        "manual", "A text with fields, answer slots and soft slots, in OpenPrompt's language.",
        template_options),
    cuecard::verbalizer<cuecard::manual::ManualVerbalizer>(
        "manual", "Label words chosen by hand, with contextual calibration.", CUECARD_LEARNS_NOTHING,
        verbalizer_options),
    cuecard::tuner<cuecard::manual::ManualTuner>("manual", "Learns nothing: the template alone does the work.",
                                                 CUECARD_LEARNS_NOTHING),
};

} // namespace

CUECARD_PLUGIN("manual", "0.1.0", "Apache-2.0", "", components)
