#include <cuecard/register.hpp>

#include "template_search.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::file_option(
        "from",
        "A text file with templates, or with sentences that candidates are mined from; without it "
        "the model writes them.",
        "Jiang et al. 2020, section 3.1, mine a corpus"),
    cuecard::integer_option("candidates", "100", 1, 1e5, "Most candidates that are mined or written.",
                            "Gao et al. 2021 keep 100"),
    cuecard::integer_option("max-words", "8", 1, 100, "Most words (mined) or tokens (written) in a gap.",
                            "an instruction is short; LM-BFF writes up to 18 tokens in all"),
    cuecard::integer_option("beams", "10", 1, 1000, "Texts that are written beside each other.",
                            "LM-BFF has 100 by default, OpenPrompt's configuration 5"),
    cuecard::integer_option("rows", "16", 1, 1e5, "Training rows that a text is written for, drawn by seed.",
                            "LM-BFF takes all of its 16 a class"),
    cuecard::integer_option("finalists", "10", 1, 1e5,
                            "Candidates with the lowest training loss that development rows decide among.",
                            "LM-BFF measures every candidate, after tuning the model"),
    cuecard::integer_option("keep", "1", 1, 100, "Templates that the card decides by; several are an ensemble.",
                            "Gao et al. 2021, ensembles of templates"),
    cuecard::flag_option("label-words", "false", "Find a word for each label with each candidate.",
                         "Gao et al. 2021, section 5.1"),
    cuecard::integer_option("word-pool", "20", 1, 10000,
                            "label-words: likeliest words of each label that are tried.", "LM-BFF has 100"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::TemplateSearch>(
        "template-search",
        "The template's text, mined or written by the model; the card is a plain prompt (Gao et al. 2021)",
        CUECARD_LEARNS_TOKENS, options),
};

} // namespace

CUECARD_PLUGIN("template-search", "0.1.0", "Apache-2.0", "", components)
