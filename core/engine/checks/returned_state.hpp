/// Checks of what components return about their training: parameters, default settings, and the state for a card. Each
/// function throws an Error that says what was found and what was expected; the guard adds the plugin's name.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/component_state.hpp>
#include <cuecard/fit.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// Checks that a card can hold `state`: names that are valid UTF-8, and tensors with values, all of them finite.
void check_state(const ComponentState& state);

/// Checks that a card can hold a template's source: valid UTF-8.
void check_source(const std::string& source);

/// Whether anything is trained.
bool has_tensors(const std::vector<ParameterGroup>& groups);

/// Checks that an optimizer can train the tensors: dense float32 leaves that require a gradient, on `device`, each listed once.
void check_parameters(const std::vector<ParameterGroup>& groups, const at::Device& device);

/// Checks that two calls returned the same tensors.
void check_same_parameters(const std::vector<ParameterGroup>& groups, const std::vector<ParameterGroup>& again);

/// Checks that the numbers of a report are possible and consistent, and that a card can hold it.
void check_report(const FitReport& report, const std::vector<Task>& tasks);

/// Checks that `filled` has what `request`, the user's, has, and the ranges of the settings that it leaves empty. Those of the user
/// were checked with the command line.
void check_defaults(const FitRequest& filled, const FitRequest& request);

} // namespace cuecard
