/// The options that templates on GrammarTemplate share, declared once.
#pragma once

#include <cuecard/register.hpp>

namespace cuecard {

constexpr cuecard_option_v1 template_text_option =
    text_option("text", "", "", "The template, in OpenPrompt's language or in the short form with {field}.",
                "no default: a task has its own");

constexpr cuecard_option_v1 predict_eos_option = flag_option(
    "predict-eos", "false",
    "A given answer ends in the end-of-sequence token, which is trained on too (not in masked models).",
    "OpenPrompt, predict_eos_token");

constexpr cuecard_option_v1 encoder_decoder_option = text_option(
    "encoder-decoder", "auto", "auto|sentinels|continuation|mask|plain",
    "The prompt layout of an encoder-decoder: sentinels in place of the answers (T5), a text that ends "
    "where the answer begins (T5 adapted to language modelling), a mask token (BART), or the plain text "
    "(models fine-tuned to answer); auto: sentinels if the vocabulary has them, else a mask, else a text "
    "that ends.",
    "OpenPrompt, wrappers t5 and t5-lm");

constexpr cuecard_option_v1 chat_format_option =
    text_option("chat-format", "auto", "auto|chatml|llama-3|gemma|phi-3|zephyr|llama-2|mistral",
                "How the turns of a template with roles are written; auto: the format of the model's own chat "
                "template, which is recognised and never run.",
                "the models' publishers");

} // namespace cuecard
