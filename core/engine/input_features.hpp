/// Features of each input for input-dependent tuners (Tuner::input_features).
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/tuner.hpp>

#include "batch/pack.hpp"
#include "engine/counters.hpp"
#include "engine/model.hpp"

namespace cuecard {

/// Sets PackItem::input of `items`, all of one card: one number per example. Returns how many inputs there are.
/// Items of one example must be neighbours; an item without an example is an input of its own.
int64_t number_inputs(const std::vector<PackItem*>& items);

/// [prompts, width] float32 on the backbone's device, without gradients: the features of the input of each
/// prompt, computed from the tokens of its fields. Zeros for an input whose fields have no token.
at::Tensor input_features(const Model& model, const CountedBackbone& backbone, const InputFeatures& features,
                          const std::vector<const TokenizedPrompt*>& prompts);

} // namespace cuecard
