/// Components as the engine holds them: every call into a plugin's object goes through the registry's guard,
/// which turns any exception into an error that names the plugin, the component and the method.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <cuecard/backbone.hpp>
#include <cuecard/template.hpp>
#include <cuecard/tuner.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// A component's object and the names used in its errors.
template <class Interface>
struct Component {
  std::shared_ptr<Interface> object;
  std::string plugin, name;
  bool trains_tensors = false; ///< as its manifest declares (CUECARD_TRAINS_TENSORS)
};

std::shared_ptr<Backbone> guarded(Component<Backbone> component);
std::shared_ptr<Template> guarded(Component<Template> component);
std::shared_ptr<Verbalizer> guarded(Component<Verbalizer> component);
std::shared_ptr<Tuner> guarded(Component<Tuner> component);

} // namespace cuecard
