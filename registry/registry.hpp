/// Installed plugins and their components, and creation of components by name.
///
/// Scanning reads sidecars and loads nothing. A library is loaded when the first object is created from it,
/// after the checks in library.hpp, and stays loaded until the process ends.
///
/// Threads: a registry is immutable once scanned; `create` and `make` may run concurrently.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/options.hpp>

#include "judge.hpp"
#include "manifest/manifest.hpp"
#include "search.hpp"
#include "trust/trust.hpp"

namespace cuecard {
class Backbone;
class Template;
class Verbalizer;
class Tuner;
class Configuration;
struct BackboneArguments;
struct BackboneShape;
} // namespace cuecard

namespace cuecard::registry {

/// One library that was found, usable or not.
struct Plugin {
  std::filesystem::path library; ///< absolute, without symbolic links
  std::filesystem::path sidecar;
  std::string origin;      ///< part of the search path it was found in
  bool other_host = false; ///< in a folder for another plugin ABI or LibTorch
  Manifest manifest;       ///< from the sidecar; only `id` (the file's stem) if the sidecar can't be read
  Verdict verdict;
  std::string refusal;               ///< why it can't be used, in one sentence; "" if it can
  std::filesystem::path shadowed_by; ///< library of the same id that comes earlier in the search path

  bool usable() const { return refusal.empty() && shadowed_by.empty(); }
};

/// One component of one plugin.
struct Entry {
  std::shared_ptr<const Plugin> plugin;
  std::size_t index = 0; ///< among the plugin's components

  const ComponentInfo& component() const { return plugin->manifest.components[index]; }
};

class Registry {
public:
  /// Libraries are in a folder of the search path, or in a subfolder of their own name, as created by `plugin install`. Bundled
  /// ones are trusted like the program itself; `trust` decides about the others.
  static Registry scan(const SearchPath& search, const Trust& trust = Trust::standard());

  /// In the order of the search path, including rejected and shadowed ones.
  const std::vector<std::shared_ptr<const Plugin>>& plugins() const { return plugins_; }
  /// One sentence for each folder of the search path that is ignored or can't be read. Rejected and shadowed plugins are not
  /// mentioned: `plugins` lists them, and `find` reports one that has the requested component.
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// Components of a kind in usable plugins.
  std::vector<Entry> entries(uint32_t kind) const;

  /// `name` is `component` or `plugin/component`. Throws UsageError for an unknown or ambiguous name,
  /// PluginError if only a rejected plugin provides it.
  Entry find(uint32_t kind, std::string_view name) const;

  /// The backbone for a value of "model_type". Throws DataError if there is none, PluginError if there are
  /// several or only a rejected plugin provides one.
  Entry find_backbone(std::string_view model_type) const;

  /// The plugin with this id that comes first in the search path. Throws UsageError.
  std::shared_ptr<const Plugin> find_plugin(std::string_view id) const;

private:
  std::vector<std::shared_ptr<const Plugin>> plugins_;
  std::vector<std::string> warnings_;
};

/// Loads the library if necessary and creates an object. `arguments`: see cuecard_component_v1::create. The
/// result points to the component's interface; its deleter calls `destroy` and holds a reference to the
/// library. Throws PluginError, or the UsageError or DataError that the plugin reported.
std::shared_ptr<void> create(const Entry& entry, const void* arguments);
/// Fills a cuecard::BackboneShape from a cuecard::Configuration: cuecard_component_v1::describe.
void describe_shape(const Entry& entry, const void* configuration, void* shape);

namespace detail {
template <class Interface>
inline constexpr uint32_t kind_of = 0;
template <>
inline constexpr uint32_t kind_of<Backbone> = CUECARD_BACKBONE;
template <>
inline constexpr uint32_t kind_of<Template> = CUECARD_TEMPLATE;
template <>
inline constexpr uint32_t kind_of<Verbalizer> = CUECARD_VERBALIZER;
template <>
inline constexpr uint32_t kind_of<Tuner> = CUECARD_TUNER;

/// Throws std::logic_error when the entry is not of this kind.
void require_kind(const Entry& entry, uint32_t kind);
} // namespace detail

/// Creates a component: make<Tuner>(registry.find(CUECARD_TUNER, "prompt-tuning"), complete(...)). Plugins
/// return pointers to exactly this interface (plugin.h), so the cast is valid.
template <class Interface>
std::shared_ptr<Interface> make(const Entry& entry, const Options& options) {
  static_assert(detail::kind_of<Interface> != 0 && detail::kind_of<Interface> != CUECARD_BACKBONE);
  detail::require_kind(entry, detail::kind_of<Interface>);
  return std::static_pointer_cast<Interface>(create(entry, &options));
}

/// Creates a backbone.
inline std::shared_ptr<Backbone> make(const Entry& entry, const BackboneArguments& arguments) {
  detail::require_kind(entry, CUECARD_BACKBONE);
  return std::static_pointer_cast<Backbone>(create(entry, &arguments));
}
/// Its shape, without weights.
inline void describe(const Entry& entry, const Configuration& configuration, BackboneShape& shape) {
  detail::require_kind(entry, CUECARD_BACKBONE);
  describe_shape(entry, &configuration, &shape);
}

} // namespace cuecard::registry
