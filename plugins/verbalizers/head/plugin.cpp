#include <cuecard/register.hpp>

#include "choices_verbalizer.hpp"
#include "head_verbalizer.hpp"
#include "spans_verbalizer.hpp"
#include "words_verbalizer.hpp"

namespace {

constexpr cuecard_option_v1 dropout = cuecard::number_option(
    "dropout", "0.1", 0, 0.9, "Dropout of the hidden state in training.", "Devlin et al. 2019, appendix A.2");
constexpr cuecard_option_v1 learning_rate_scale =
    cuecard::number_option("lr-scale", "1", 0.0001, 10000, "Learning rate of the layer, relative to the run's.",
                           "none: 1 is the run's own");

constexpr cuecard_option_v1 pooler =
    cuecard::text_option("pooler", "auto", "auto|yes|no",
                         "Use the output of the model's pooler; auto: if the model has one and is not causal.",
                         "transformers, BertForSequenceClassification");
constexpr cuecard_option_v1 position = cuecard::text_option(
    "row", "sequence", "sequence|first",
    "The token whose hidden state is classified. sequence: [CLS], or the last token of a causal model; first: the "
    "very first token, a virtual one included, not in causal models.",
    "transformers' classification heads (sequence); PEFT, PeftModelForSequenceClassification (first)");

constexpr cuecard_option_v1 transform = cuecard::flag_option(
    "transform", "false",
    "Classify the state after the transform of the model's head over the vocabulary, which stays frozen.",
    "transformers, ModernBertForTokenClassification and ModernBertForSequenceClassification");

constexpr cuecard_option_v1 head_options[] = {
    pooler,
    position,
    transform,
    cuecard::flag_option("dense", "false", "A trained layer before the classifier, as wide as the state.",
                         "transformers, RobertaClassificationHead has one"),
    cuecard::text_option("activation", "tanh", "tanh|gelu|relu",
                         "The activation function after the dense layer.",
                         "transformers, RobertaClassificationHead (tanh), ElectraClassificationHead (gelu), "
                         "DistilBertForSequenceClassification (relu)"),
    cuecard::flag_option("bias", "true", "The classifier has a bias.",
                         "transformers: heads of causal models have none"),
    dropout,
    learning_rate_scale,
};

constexpr cuecard_option_v1 choices_options[] = {pooler, position, dropout, learning_rate_scale};

constexpr cuecard_option_v1 words_options[] = {
    cuecard::text_option("field", "words", "", "The list of words that are labelled.",
                         "no default in the literature; depends on the task"),
    transform,
    dropout,
    learning_rate_scale,
};

constexpr cuecard_option_v1 spans_options[] = {
    cuecard::text_option("field", "context", "", "The field that answers are spans of.",
                         "no default in the literature; depends on the task"),
    cuecard::integer_option("max-tokens", "30", 1, 100000, "Maximum number of tokens of an answer.",
                            "transformers, run_qa.py, max_answer_length"),
    cuecard::flag_option("no-answer", "false", "A question may have no answer: its answer is [CLS].",
                         "Devlin et al. 2019, section 4.3; transformers, run_qa.py, version_2_with_negative"),
    dropout,
    learning_rate_scale,
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::head::HeadVerbalizer>(
        "head", "A trained linear layer on the hidden state of the whole input.", CUECARD_TRAINS_TENSORS,
        head_options),
    cuecard::verbalizer<cuecard::head::WordsVerbalizer>(
        "words", "A trained linear layer that labels each word.", CUECARD_TRAINS_TENSORS, words_options),
    cuecard::verbalizer<cuecard::head::SpansVerbalizer>(
        "spans", "A trained linear layer that extracts the answer from a text.", CUECARD_TRAINS_TENSORS,
        spans_options),
    cuecard::verbalizer<cuecard::head::ChoicesVerbalizer>(
        "choices", "A trained linear layer that scores each alternative of an example.", CUECARD_TRAINS_TENSORS,
        choices_options),
};

} // namespace

CUECARD_PLUGIN("head", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
