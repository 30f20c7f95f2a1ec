/// Checks that a checkpoint fits its backbone.
#pragma once

#include <string>
#include <vector>

#include <cuecard/backbone.hpp>

#include "model/model_weights.hpp"

namespace cuecard {

/// Throws DataError if a weight that the backbone took is stored as integers: codes of a quantised file, which only the program that
/// wrote it can read. Returns a sentence if the blocks that the backbone runs have tensors that it doesn't know: it may be another
/// model than config.json says. Buffers that are computed anew (rotary frequencies, masks, position ids) don't count, nor do
/// tensors outside the blocks, such as heads. `origin` names the model.
std::vector<std::string> check_weights(const ModelWeights& stored, const Backbone& backbone,
                                       const std::string& origin);

} // namespace cuecard
