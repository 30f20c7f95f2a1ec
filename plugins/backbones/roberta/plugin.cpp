#include <cuecard/register.hpp>

#include "roberta.hpp"

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<cuecard::roberta::Roberta>(
        "roberta", "RoBERTa-like encoders (RoBERTa, XLM-RoBERTa, CamemBERT)", "roberta|xlm-roberta|camembert"),
};

} // namespace

CUECARD_PLUGIN("roberta", CUECARD_VERSION_TEXT, "Apache-2.0", "", components)
