/// The components of a task: made as a user chose them or as a card records them, and the files that their options name.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <cuecard/component_state.hpp>

#include "engine/guarded.hpp"
#include "engine/task_pipeline.hpp"
#include "registry/options.hpp"
#include "registry/registry.hpp"

namespace cuecard {

/// Sets an option, replacing an earlier value.
void set_option(ComponentChoice& choice, const std::string& name, const std::string& value);

/// Sets the option "text" of a template to that of a task file or of --template. DataError if the component declares no such option and a
/// text is given, or declares it and none is.
void set_template_text(ComponentChoice& choice, const ComponentInfo& component, const std::string& text);

/// Creates a component from complete options and records it in `record`.
template <class Interface>
std::shared_ptr<Interface> make_component(const registry::Entry& entry, const Options& options,
                                          CardComponent& record) {
  const Manifest& plugin = entry.plugin->manifest;
  record = {plugin.id, plugin.version, entry.component().name, options};
  return guarded(Component<Interface>{registry::make<Interface>(entry, options), plugin.id,
                                      entry.component().name,
                                      entry.component().trains == CUECARD_TRAINS_TENSORS});
}

/// The component that a user chose.
template <class Interface>
std::shared_ptr<Interface> make_chosen(const registry::Registry& plugins, uint32_t kind,
                                       const ComponentChoice& choice, CardComponent& record) {
  const registry::Entry entry = plugins.find(kind, choice.component);
  const Options options = registry::complete(entry.component(), choice.set);
  registry::require_used(entry.component(), options);
  return make_component<Interface>(entry, options, record);
}

/// The component that a card names, as it is installed. PluginError if it is not: the card is right and the installation is incomplete.
registry::Entry find_recorded(const registry::Registry& plugins, uint32_t kind, const CardComponent& recorded,
                              const std::string& card);

/// The card's options, checked against those that this version of the component declares: a missing one takes its default, one that is no
/// longer declared is a DataError.
Options recorded_options(const registry::Entry& entry, const CardComponent& recorded, const std::string& card);

/// The component that a card names.
template <class Interface>
std::shared_ptr<Interface> make_recorded(const registry::Registry& plugins, uint32_t kind,
                                         const CardComponent& recorded, const std::string& card,
                                         CardComponent& record) {
  const registry::Entry entry = find_recorded(plugins, kind, recorded, card);
  return make_component<Interface>(entry, recorded_options(entry, recorded, card), record);
}

/// Contents of the files and cards that a component's options name, by option.
struct NamedByOptions {
  std::map<std::string, std::string> files;
  std::map<std::string, ComponentState> cards;
};

NamedByOptions named_by(const registry::Registry& plugins, uint32_t kind, const CardComponent& component,
                        const Model& model);

} // namespace cuecard
