/// Calls into a plugin's object, with the names of plugin, component and function in every error. Each guard of an interface derives from it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <cuecard/error.hpp>

#include "engine/checks/returned_state.hpp"
#include "engine/checks/returned_values.hpp"
#include "engine/guarded.hpp"
#include "registry/guard.hpp"
#include "registry/registry.hpp"

namespace cuecard {

template <class Interface>
class Guard {
public:
  explicit Guard(Component<Interface> component) : inner_(std::move(component)) {}

protected:
  template <class Call>
  auto guard(const char* function, Call&& call) const {
    try {
      return registry::guarded(inner_.plugin, inner_.name, function, [&]() { return call(*inner_.object); });
    } catch (const UsageError& error) {
      throw UsageError(registry::naming_component(registry::detail::kind_of<Interface>, inner_.plugin,
                                                  inner_.name, error.what()));
    }
  }
  template <class Call>
  const auto& guard_reference(const char* function, Call&& call) const {
    return *registry::guarded(inner_.plugin, inner_.name, function, [&]() { return &call(*inner_.object); });
  }

  const std::string& name() const { return inner_.name; }
  const std::string& plugin() const { return inner_.plugin; }
  bool trains_tensors() const { return inner_.trains_tensors; }

private:
  Component<Interface> inner_;
};

/// `state`, which a card can hold.
inline ComponentState checked_state(ComponentState state) {
  check_state(state);
  return state;
}

/// The state of a tuner or verbalizer, which holds what it trains. `task`: of a tuner.
template <class Trained, class... Task>
ComponentState trained_state(Trained& trained, Task... task) {
  ComponentState state = checked_state(trained.state(task...));
  if (state.empty() && has_tensors(trained.parameters()))
    throw Error("it returned an empty state, although `parameters` has tensors; expected what is trained");
  return state;
}

/// The parameters of a tuner or verbalizer, which must be the same tensors at each call. `backbone`: null before `prepare`.
template <class Trained>
std::vector<ParameterGroup> checked_parameters(Trained& trained, const Backbone* backbone) {
  std::vector<ParameterGroup> groups = trained.parameters();
  if (backbone)
    check_parameters(groups, backbone->device());
  check_same_parameters(groups, trained.parameters());
  return groups;
}

} // namespace cuecard
