#include <cuecard/register.hpp>

#include "text_verbalizer.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("max-new-tokens", "64", 1, 1e6, "Most tokens to write.", "a short answer"),
    cuecard::integer_option("min-new-tokens", "0", 0, 1e6, "Fewest tokens to write.", "transformers"),
    cuecard::integer_option("beams", "1", 1, 1000, "Beams; 1: the likeliest token each time.", "transformers"),
    cuecard::number_option("temperature", "0", 0, 1e6,
                           "Draw tokens, the more freely the larger; 0: don't draw.",
                           "greedy: the same answer each time"),
    cuecard::integer_option("top-k", "0", 0, 1e7, "Draw among so many tokens; 0: all.", "Fan et al. 2018"),
    cuecard::number_option("top-p", "1", 0, 1, "Draw among the fewest tokens that hold this probability.",
                           "Holtzman et al. 2020"),
    cuecard::number_option("min-p", "0", 0, 1, "Draw no token below this share of the likeliest one's.",
                           "Nguyen et al. 2024"),
    cuecard::number_option("repetition-penalty", "1", 0.001, 1000,
                           "Above 1: tokens that are there come less likely.", "Keskar et al. 2019"),
    cuecard::number_option("length-penalty", "1", -100, 100, "Of beams: above 0 favours longer texts.",
                           "transformers"),
    cuecard::integer_option("no-repeat-ngram", "0", 0, 1000, "No N tokens in a row come twice; 0: they may.",
                            "Paulus et al. 2017"),
    cuecard::flag_option("early-stop", "false", "Beams: stop as soon as enough are finished.", "transformers"),
    cuecard::text_option("stop", "", "", "End in front of this text.", "none"),
    cuecard::integer_option("seed", "0", 0, 4294967295.0, "Seed of what is drawn.", "any"),
    cuecard::text_option("prefix", " ", "", "Put in front of each answer that is learned.",
                         "as label words are; OpenPrompt, ManualVerbalizer"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::text::TextVerbalizer>(
        "text", "The model writes the answer; the data's answers are learned.", CUECARD_LEARNS_NOTHING,
        options),
};

} // namespace

CUECARD_PLUGIN("text", "0.1.0", "Apache-2.0", "", components)
