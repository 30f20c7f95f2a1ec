#include <cuecard/register.hpp>

#include "autoprompt.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("iterations", "100", 1, 1e6,
                            "Slots tried, one at a time; --steps, when given, wins.",
                            "ucinlp/autoprompt, create_trigger.py"),
    cuecard::integer_option("candidates", "10", 1, 1e5, "Tokens evaluated exactly in each iteration.",
                            "ucinlp/autoprompt, create_trigger.py; 100 for SST-2"),
    cuecard::integer_option(
        "accumulation", "10", 1, 1e4,
        "Training batches that the gradient is summed over, and as many others that candidates "
        "are evaluated on.",
        "ucinlp/autoprompt, create_trigger.py; 30 for SST-2"),
    cuecard::flag_option("filter", "true",
                         "Leave out label words, special tokens and tokens that begin with a capital letter.",
                         "Shin et al. 2020, section 5, where triggers would memorise answers"),
    cuecard::text_option(
        "init", "", "",
        "Words that open slots start from, repeated or cut; empty: the mask token, or tokens drawn "
        "by seed where there is none.",
        "ucinlp/autoprompt, create_trigger.py: the mask"),
    cuecard::integer_option(
        "restarts", "1", 1, 1000,
        "Searches, the best of which is kept; all but the first start from tokens drawn by seed.",
        "the paper searches once"),
    cuecard::integer_option("label-words", "0", 0, 1000,
                            "Words to find for each label in place of the task's, before the trigger; 0: none.",
                            "Shin et al. 2020, section 2.3"),
    cuecard::integer_option("label-epochs", "50", 1, 1e5,
                            "label-words: times that the classifier sees the training rows.",
                            "ucinlp/autoprompt, README; label_search.py has 10"),
    cuecard::text_option("accept", "loss", "loss|accuracy",
                         "What a candidate must better: the summed loss, or how many rows are decided rightly.",
                         "Shin et al. 2020, section 2.2; the authors' code counts rows for classification"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::AutoPrompt>(
        "autoprompt", "Trigger tokens found by gradients; the card is a plain prompt (Shin et al. 2020)",
        CUECARD_LEARNS_TOKENS, options),
};

} // namespace

CUECARD_PLUGIN("autoprompt", "0.1.0", "Apache-2.0", "", components)
