#include <cuecard/register.hpp>

#include "template_search.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::file_option(
        "from",
        "A text file with templates, or with sentences to mine candidates from; without it the model generates "
        "candidates.",
        "Jiang et al. 2020, section 3.1, mine a corpus"),
    cuecard::integer_option("candidates", "100", 1, 1e5, "Maximum number of candidates to mine or generate.",
                            "Gao et al. 2021 keep 100"),
    cuecard::integer_option("max-words", "8", 1, 100,
                            "Maximum number of words (mined) or tokens (generated) per gap.",
                            "an instruction is short; LM-BFF generates up to 18 tokens in all"),
    cuecard::integer_option("beams", "10", 1, 1000, "Beam size for generated candidates.",
                            "LM-BFF uses 100 by default, OpenPrompt's configuration 5"),
    cuecard::integer_option("rows", "16", 1, 1e5,
                            "Number of training examples to generate candidates from, drawn at random.",
                            "LM-BFF uses all of its 16 per class"),
    cuecard::integer_option(
        "finalists", "10", 1, 1e5,
        "Number of candidates with the lowest training loss to evaluate on the development set.",
        "LM-BFF evaluates every candidate, after fine-tuning the model"),
    cuecard::integer_option("keep", "1", 1, 100, "Number of templates in the card; several are an ensemble.",
                            "Gao et al. 2021, ensembles of templates"),
    cuecard::flag_option("label-words", "false", "Search for a label word per label, for each candidate.",
                         "Gao et al. 2021, section 5.1"),
    cuecard::needing("label-words=true",
                     cuecard::integer_option("word-pool", "20", 1, 10000,
                                             "label-words: most probable words to try for each label.",
                                             "LM-BFF uses 100")),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::TemplateSearch>(
        "template-search",
        "Search for the template's text, mined or generated; the card is a plain prompt (Gao et al. 2021)",
        CUECARD_TRAINS_TOKENS, options),
};

} // namespace

CUECARD_PLUGIN("template-search", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
