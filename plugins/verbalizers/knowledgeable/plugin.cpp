#include <cuecard/parts/words/label_word_options.hpp>

#include "knowledgeable.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::file_option("words",
                         "Words for each label: .txt, .csv, .json or .jsonl as OpenPrompt writes them.",
                         "OpenPrompt, Verbalizer.from_file; without it the task's own words"),
    cuecard::integer_option("choice", "0", 0, 1e6, "Which list of words of that file, from 0.",
                            "OpenPrompt, Verbalizer.from_file"),
    cuecard::multi_token_handler_option,
    cuecard::word_prefix_option,
    cuecard::integer_option("max-tokens", "0", 0, 1000, "Maximum number of tokens of a word; 0: any number.",
                            "OpenPrompt, KnowledgeableVerbalizer, max_token_split -1"),
    cuecard::number_option(
        "frequency", "0.5", 0, 0.999,
        "Drop words with a token in this fraction of the vocabulary, the least likely on training "
        "examples; 0: none.",
        "Hu et al. 2022, section 3.3, frequency refinement; OpenPrompt, candidate_frac"),
    cuecard::number_option(
        "relevance", "1", 0, 1000,
        "Drop words whose similarity to their own label's first word is less than this many times that "
        "to the others'; 0: none.",
        "Hu et al. 2022, section 3.3, relevance refinement"),
    cuecard::calibrate_option("train", "Hu et al. 2022, section 3.3, contextualised calibration"),
    cuecard::calibrate_rows_option,
    cuecard::flag_option("learn-weights", "true", "Train a weight for each word; else all weights are equal.",
                         "Hu et al. 2022, section 3.3, learnable refinement"),
    cuecard::number_option("lr-scale", "1", 0.0001, 10000,
                           "Learning rate of the weights, relative to the run's.", "none: 1 is the run's own"),
    cuecard::number_option("pred-temp", "1", 0, 1000, "Factor of the weights at inference.",
                           "OpenPrompt, KnowledgeableVerbalizer, pred_temp"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::knowledgeable::Knowledgeable>(
        "knowledgeable", "Many words per label, filtered on training examples and weighted.",
        CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("knowledgeable", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
