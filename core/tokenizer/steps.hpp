/// From the settings in a tokenizer.json to the steps of the pipeline.
#pragma once

#include "tokenizer/field.hpp"
#include "tokenizer/model.hpp"
#include "tokenizer/pipeline.hpp"

namespace cuecard::tokenizer {

/// Makes the steps that `root` describes around a vocabulary and, for BPE, merges that were read already. The
/// roles are left for the caller. Throws DataError for what is not supported or contradicts itself.
Steps make_steps(const Field& root, std::unique_ptr<const Pieces> pieces, const Merges& merges);

} // namespace cuecard::tokenizer
