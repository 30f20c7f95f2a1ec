/// Checks of the values that plugins return: a wrong shape, dtype or device is reported at the call that
/// returned it rather than where it first causes a failure. Each function throws an Error that says what was
/// found and what was expected; the guard adds the plugin's name.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/tuner.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// Checks the shape, dtype and device of all parts, the names of weights and sites and, on the CPU, that all
/// values are finite.
void check_conditioning(const Conditioning& conditioning, const ConditionArgs& args, const Backbone& backbone);

/// Checks what Backbone::token_vectors returned for `ids`: a row for each, float32.
void check_token_vectors(const at::Tensor& rows, const at::Tensor& ids, const at::Device& device);

/// Checks that there is a prompt, and that late soft slots are in allowed places.
void check_prompts(const std::vector<Prompt>& prompts, const Backbone& backbone);

/// Checks that offsets, entries and values agree with each other and with the batch.
void check_scores(const Scores& scores, const ScoreArgs& args);

/// Checks that the loss is a floating-point scalar.
void check_loss(const at::Tensor& loss);

} // namespace cuecard
