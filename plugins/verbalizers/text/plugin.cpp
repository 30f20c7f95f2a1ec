#include <cuecard/register.hpp>

#include "text_verbalizer.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("max-new-tokens", "64", 1, 1e6, "Maximum number of tokens to generate.",
                            "a short answer"),
    cuecard::integer_option("min-new-tokens", "0", 0, 1e6, "Minimum number of tokens to generate.",
                            "transformers"),
    cuecard::integer_option("beams", "1", 1, 1000, "Beams of beam search; 1: greedy.", "transformers"),
    cuecard::number_option("temperature", "0", 0, 1e6, "Sampling temperature; 0: no sampling.",
                           "greedy decoding is deterministic"),
    cuecard::integer_option("top-k", "0", 0, 1e7, "Sample from the K most likely tokens; 0: all.",
                            "Fan et al. 2018"),
    cuecard::number_option("top-p", "1", 0, 1,
                           "Sample from the most likely tokens whose probabilities add up to this.",
                           "Holtzman et al. 2020"),
    cuecard::number_option("min-p", "0", 0, 1,
                           "Never sample a token below this fraction of the most likely token's probability.",
                           "Nguyen et al. 2024"),
    cuecard::number_option("repetition-penalty", "1", 0.001, 1000,
                           "Above 1: penalise tokens that are already present.", "Keskar et al. 2019"),
    cuecard::number_option("length-penalty", "1", -100, 100, "Beam search: above 0 favours longer texts.",
                           "transformers"),
    cuecard::integer_option("no-repeat-ngram", "0", 0, 1000, "Never repeat a sequence of N tokens; 0: off.",
                            "Paulus et al. 2017"),
    cuecard::flag_option("early-stop", "false", "Beam search: stop as soon as enough beams are finished.",
                         "transformers"),
    cuecard::text_option("stop", "", "", "Generation ends before this text.", "none"),
    cuecard::integer_option("seed", "0", 0, 4294967295.0, "Random seed of sampling.", "any"),
    cuecard::text_option("prefix", " ", "", "Prepended to each answer in training.",
                         "as label words are; OpenPrompt, ManualVerbalizer"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::text::TextVerbalizer>(
        "text", "The model generates the answer and is trained on the answers in the data.",
        CUECARD_TRAINS_NOTHING, options),
};

} // namespace

CUECARD_PLUGIN("text", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
