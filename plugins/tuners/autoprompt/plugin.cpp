#include <cuecard/register.hpp>

#include "autoprompt.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("iterations", "100", 1, 1e6,
                            "Search iterations, one slot each; --steps overrides it.",
                            "ucinlp/autoprompt, create_trigger.py"),
    cuecard::integer_option("candidates", "10", 1, 1e5, "Tokens evaluated exactly in each iteration.",
                            "ucinlp/autoprompt, create_trigger.py; 100 for SST-2"),
    cuecard::integer_option(
        "accumulation", "10", 1, 1e4,
        "Training batches to sum the gradient over; candidates are evaluated on as many others.",
        "ucinlp/autoprompt, create_trigger.py; 30 for SST-2"),
    cuecard::flag_option("filter", "true",
                         "Exclude label words, special tokens and tokens that begin with a capital letter.",
                         "Shin et al. 2020, section 5, where triggers would memorise answers"),
    cuecard::text_option(
        "init", "", "",
        "Words to initialise empty slots from, repeated or truncated to fit; empty: the mask token, or random "
        "tokens if the model has none.",
        "ucinlp/autoprompt, create_trigger.py: the mask"),
    cuecard::integer_option(
        "restarts", "1", 1, 1000,
        "Number of searches, of which the best is kept; all but the first start from random tokens.",
        "the paper searches once"),
    cuecard::integer_option(
        "label-words", "0", 0, 1000,
        "Words to find for each label before the trigger search; 0: keep those of the task file.",
        "Shin et al. 2020, section 2.3"),
    cuecard::integer_option("label-epochs", "50", 1, 1e5, "label-words: training epochs of the classifier.",
                            "ucinlp/autoprompt, README; label_search.py has 10"),
    cuecard::text_option(
        "accept", "loss", "loss|accuracy",
        "What a candidate must improve: the loss, or the number of examples predicted correctly.",
        "Shin et al. 2020, section 2.2; the authors' code uses accuracy for classification"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::AutoPrompt>(
        "autoprompt",
        "Gradient-guided search for trigger tokens; the card is a plain prompt (Shin et al. 2020)",
        CUECARD_TRAINS_TOKENS, options),
};

} // namespace

CUECARD_PLUGIN("autoprompt", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
