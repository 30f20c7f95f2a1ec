/// Checks of what components return about their training: parameters, default settings, and the state for a card. Each
/// function throws an Error that says what was found and what was expected; the guard adds the plugin's name.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/component_state.hpp>
#include <cuecard/fit.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// Checks that a card can hold `state`: names that are valid UTF-8, and tensors with values, all of them finite.
void check_state(const ComponentState& state);

/// Whether anything is trained.
bool has_tensors(const std::vector<ParameterGroup>& groups);

/// Checks that an optimizer can train the tensors: float32 leaves that require a gradient, on `device`.
void check_parameters(const std::vector<ParameterGroup>& groups, const at::Device& device);

/// Checks the ranges of the settings in `filled` that `request` leaves empty. Those of the user were checked with the
/// command line.
void check_defaults(const FitRequest& filled, const FitRequest& request);

} // namespace cuecard
