#include <cuecard/register.hpp>

#include "ia3.hpp"
#include "lora.hpp"

namespace {

constexpr cuecard_option_v1 lora_options[] = {
    cuecard::integer_option("rank", "8", 1, 4096, "Rank r of the updates.",
                            "Hu et al. 2021, table 9: 8 for RoBERTa; PEFT: 8", CUECARD_ROLE_RANK),
    cuecard::number_option("alpha", "16", 1e-6, 1e6,
                           "Scale of the updates times their rank: they are multiplied by alpha / r.",
                           "Hu et al. 2021, table 9: 16 for RoBERTa-large", CUECARD_ROLE_SCALE),
    cuecard::flag_option(
        "rs-lora", "false",
        "Rank-stabilised LoRA: the updates are multiplied by alpha / sqrt(r) instead of alpha / r.",
        "PEFT's use_rslora: false; Kalajdzievski 2023, section 3: useful with large ranks"),
    cuecard::number_option("dropout", "0", 0, 0.99, "Dropout on the input of the updates during training.",
                           "PEFT's lora_dropout: 0; Hu et al. 2021, table 11: 0 to 0.1"),
    cuecard::text_option(
        "targets", "auto", "",
        "Updated layers: auto (PEFT's defaults for the model), all-linear, or module names separated by commas.",
        "Hu et al. 2021, section 7.1: queries and values", CUECARD_ROLE_TARGETS),
    cuecard::number_option("weight-decay", "0", 0, 1, "Decoupled weight decay, times the learning rate.",
                           "few parameters; Hu et al. 2021, table 11: 0 to 0.01"),
};

constexpr cuecard_option_v1 ia3_options[] = {
    cuecard::text_option(
        "targets", "auto", "",
        "Rescaled layers: auto (PEFT's defaults for the model), all-linear, or module names separated by commas.",
        "Liu et al. 2022, section 3.3: keys, values and feed-forward activations", CUECARD_ROLE_TARGETS),
    cuecard::text_option(
        "feed-forward", "auto", "",
        "Those of `targets` whose input is rescaled instead of the output: auto, none, or module names.",
        "PEFT's feedforward_modules"),
    cuecard::number_option("weight-decay", "0", 0, 1, "Decoupled weight decay, times the learning rate.",
                           "few parameters, initialised to 1"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::Lora>("lora", "Low-rank updates of linear layers (Hu et al. 2021)",
                                  CUECARD_TRAINS_TENSORS, lora_options, "LORA"),
    cuecard::tuner<cuecard::Ia3>("ia3", "Rescaled keys, values and feed-forward activations (Liu et al. 2022)",
                                 CUECARD_TRAINS_TENSORS, ia3_options, "IA3"),
};

} // namespace

CUECARD_PLUGIN("lora", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
