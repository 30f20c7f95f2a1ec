/// Checks of what tuners and backbones return: a wrong shape, dtype or device is reported at the call that
/// returned it rather than where it first causes a failure. Each function throws an Error that says what was
/// found and what was expected; the guard adds the plugin's name.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// Layers of the stack that the input goes through: the encoder's, where there are two.
int64_t input_layers(const BackboneShape& shape);

/// Checks the shape, dtype and device of all parts, ranges of numbers, and the names of weights and sites. `slots`:
/// InputFeatures::soft_slots of the tuner, for a conditioning that depends on the input.
void check_conditioning(const Conditioning& conditioning, const ConditionArgs& args, int64_t slots,
                        const Backbone& backbone);

/// The first part that holds NaN or infinite values, in words; "" if none does, or where that is not known without
/// waiting for the device.
std::string not_finite_in(const Conditioning& conditioning);

/// Checks that the kind, the layer and the number of slots exist.
void check_input_features(const InputFeatures& features, const Backbone& backbone);

/// Checks what Backbone::token_vectors returned for `ids`: a row for each, float32.
void check_token_vectors(const at::Tensor& rows, const at::Tensor& ids, const at::Device& device);

} // namespace cuecard
