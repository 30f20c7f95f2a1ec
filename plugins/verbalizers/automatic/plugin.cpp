#include <cuecard/parts/words/label_word_options.hpp>

#include "automatic.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("words-per-label", "1", 1, 1000, "Number of words to find for each label.",
                            "OpenPrompt, AutomaticVerbalizer; PETAL's program takes 10"),
    cuecard::integer_option("candidates", "1000", 1, 1e6,
                            "Candidate words of each label: the most likely on its examples.",
                            "Schick et al. 2020, section 4; petal.py, num_candidates"),
    cuecard::text_option(
        "score-function", "llr", "llr|cross-entropy",
        "How a word is scored: by the likelihood ratio of its label's examples against the others, or by "
        "the cross-entropy.",
        "Schick et al. 2020, section 3.2"),
    cuecard::flag_option("balance", "true", "Weight the examples of a label as much as all others together.",
                         "Schick et al. 2020, section 3.2; petal.py, normalize"),
    cuecard::calibrate_option("none", "PETAL does not calibrate; the option is Zhao et al. 2021's"),
    cuecard::calibrate_rows_option,
};

constexpr cuecard_component_v1 components[] = {
    cuecard::verbalizer<cuecard::automatic::Automatic>(
        "automatic", "Label words found on training examples by likelihood ratio.", CUECARD_TRAINS_TOKENS,
        options),
};

} // namespace

CUECARD_PLUGIN("automatic", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
