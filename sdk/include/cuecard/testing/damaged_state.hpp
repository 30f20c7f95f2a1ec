/// For tests of components with trained tensors: what `load_state` refuses.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/component_state.hpp>
#include <cuecard/error.hpp>

#include <doctest/doctest.h>

namespace cuecard::testing {

/// Checks that `component` refuses `state`, which fits it, without any one of its tensors and with one that holds integers.
template <class Component>
void refuses_damaged(Component& component, const ComponentState& state) {
  for (const auto& [name, tensor] : state.tensors) {
    ComponentState damaged = state;
    damaged.tensors.erase(name);
    CHECK_THROWS_WITH_AS(component.load_state(damaged), doctest::Contains(name.c_str()), DataError);
    damaged.tensors[name] = at::zeros(tensor.sizes(), at::kInt);
    CHECK_THROWS_WITH_AS(component.load_state(damaged), doctest::Contains("floating-point"), DataError);
  }
}

} // namespace cuecard::testing
