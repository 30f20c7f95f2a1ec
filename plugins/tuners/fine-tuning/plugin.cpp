#include <cuecard/register.hpp>

#include "fine_tuning.hpp"

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::text_option("what", "all", "all|bias|head",
                         "Trainable parameters: all weights, the bias terms, or only those of the verbalizer.",
                         "Devlin et al. 2019, section 4; Ben Zaken et al. 2022 (bias)"),
    cuecard::number_option(
        "weight-decay", "0.01", 0, 1,
        "Decoupled weight decay of matrices, times the learning rate; not applied to vectors.",
        "Devlin et al. 2019, appendix A.2"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<cuecard::FineTuning>("fine-tuning",
                                        "Fine-tuning of the model's own weights (Devlin et al. 2019)",
                                        CUECARD_TRAINS_WEIGHTS, options),
};

} // namespace

CUECARD_PLUGIN("fine-tuning", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
