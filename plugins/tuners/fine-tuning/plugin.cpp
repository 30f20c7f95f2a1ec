#include <cuecard/register.hpp>

#include "fine_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::text_option(
        "what", "all", "all|bias|head",
        "What is learned: every weight, the model's bias terms, or only what the verbalizer has.",
        "Devlin et al. 2019, section 4; Ben Zaken et al. 2022 (bias)"),
    cuecard::number_option("weight-decay", "0.01", 0, 1,
                           "Decoupled weight decay of matrices, times the learning rate; vectors have none.",
                           "Devlin et al. 2019, appendix A.2"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::FineTuning>("fine-tuning", "The model's own weights, the baseline of all methods",
                                        CUECARD_LEARNS_WEIGHTS, options),
};

} // namespace

CUECARD_PLUGIN("fine-tuning", "0.1.0", "Apache-2.0", "", components)
