/// Checks of what tuners and backbones return: a wrong shape, dtype or device is reported at the call that
/// returned it rather than where it first causes a failure. Each function throws an Error that says what was
/// found and what was expected; the guard adds the plugin's name.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// Layers of the stack that the input goes through: the encoder's, where there are two.
int64_t input_layers(const BackboneShape& shape);

/// Checks the shape, dtype and device of all parts, ranges of numbers, and the names of weights and sites. `slots`:
/// InputFeatures::soft_slots of the tuner, for a conditioning that depends on the input. `trigger_slots`: those of the task's
/// template; -1: unknown.
void check_conditioning(const Conditioning& conditioning, const ConditionArgs& args, int64_t slots,
                        int64_t trigger_slots, const Backbone& backbone);

/// The first part that holds NaN or infinite values, in words; "" if none does, or where that is not known without
/// waiting for the device.
std::string not_finite_in(const Conditioning& conditioning);

/// Checks that the kind, the layer and the number of slots exist.
void check_input_features(const InputFeatures& features, const Backbone& backbone);

/// Checks that the weights that a tuner replaces are float32 leaves on `device`.
void check_own_weights(const TensorMap& weights, const at::Device& device);

/// What is wrong with the first of them that `backbone` does not have, or has in another shape, in a sentence; "" if there is none.
std::string unfit_weight(const TensorMap& weights, const Backbone& backbone);

/// Checks what Backbone::token_vectors returned for `ids`: a row for each, float32.
void check_token_vectors(const at::Tensor& rows, const at::Tensor& ids, const at::Device& device);

} // namespace cuecard
