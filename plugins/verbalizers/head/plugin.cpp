#include <cuecard/register.hpp>

#include "choices_verbalizer.hpp"
#include "head_verbalizer.hpp"
#include "spans_verbalizer.hpp"
#include "words_verbalizer.hpp"

namespace {

constexpr cuecard_option_v1 dropout =
    cuecard::number_option("dropout", "0.1", 0, 0.9, "Share of the state's numbers that a training step drops.",
                           "Devlin et al. 2019, appendix A.2");
constexpr cuecard_option_v1 learning_rate_scale =
    cuecard::number_option("lr-scale", "1", 0.0001, 10000, "Learning rate of the layer, relative to the run's.",
                           "none: 1 is the run's own");

constexpr cuecard_option_v1 pooler =
    cuecard::text_option("pooler", "auto", "auto|yes|no",
                         "Read the state behind the model's pooler; auto: where the model has one and is no "
                         "causal model.",
                         "transformers, BertForSequenceClassification");
constexpr cuecard_option_v1 row =
    cuecard::text_option("row", "sequence", "sequence|first",
                         "Which row is read: [CLS], or a causal model's last; or the very first, a learned one "
                         "included.",
                         "PEFT, PeftModelForSequenceClassification (first)");

constexpr cuecard_option_v1 head_options[] = {
    pooler,
    row,
    cuecard::flag_option("dense", "false", "A learned layer with tanh in front, as wide as the state.",
                         "transformers, RobertaClassificationHead has one"),
    cuecard::flag_option("bias", "true", "The layer over labels adds a bias.",
                         "transformers: heads of causal models add none"),
    dropout,
    learning_rate_scale,
};

constexpr cuecard_option_v1 choices_options[] = {pooler, row, dropout, learning_rate_scale};

constexpr cuecard_option_v1 words_options[] = {
    cuecard::text_option("field", "words", "", "The field of words whose words are labelled.",
                         "no default in the literature: a task has its own"),
    dropout,
    learning_rate_scale,
};

constexpr cuecard_option_v1 spans_options[] = {
    cuecard::text_option("field", "context", "", "The field whose parts are answers.",
                         "no default in the literature: a task has its own"),
    cuecard::integer_option("max-tokens", "30", 1, 100000, "Most tokens of an answer.",
                            "transformers, run_qa.py, max_answer_length"),
    dropout,
    learning_rate_scale,
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::head::HeadVerbalizer>(
        "head", "A learned linear layer on the state of the whole input.", CUECARD_LEARNS_TENSORS,
        head_options),
    cuecard::verbalizer<cuecard::head::WordsVerbalizer>(
        "words", "A learned linear layer that labels each word.", CUECARD_LEARNS_TENSORS, words_options),
    cuecard::verbalizer<cuecard::head::SpansVerbalizer>(
        "spans", "A learned linear layer that finds the answer within a text.", CUECARD_LEARNS_TENSORS,
        spans_options),
    cuecard::verbalizer<cuecard::head::ChoicesVerbalizer>(
        "choices", "One learned row that scores each of an example's alternatives.", CUECARD_LEARNS_TENSORS,
        choices_options),
};

} // namespace

CUECARD_PLUGIN("head", "0.1.0", "Apache-2.0", "", components)
