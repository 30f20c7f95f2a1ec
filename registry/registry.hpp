/// What is installed: which plugins, which components, which of them may be used; and the way from a name to an
/// object.
///
/// Scanning reads sidecars and loads nothing. A library is opened when the first object of it is made, after
/// the checks of library.hpp, and stays until the process ends.
///
/// Threads: a scanned registry is constant; `create` and `make` may run concurrently.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/options.hpp>

#include "judge.hpp"
#include "search.hpp"
#include "tool/manifest.hpp"

namespace cuecard {
class Backbone;
class Template;
class Verbalizer;
class Tuner;
struct BackboneArguments;
} // namespace cuecard

namespace cuecard::registry {

/// One library that was found, usable or not.
struct Plugin {
  std::filesystem::path library; ///< absolute, without symbolic links
  std::filesystem::path sidecar;
  std::string origin; ///< which part of the search path it came from
  Manifest manifest;  ///< as the sidecar says; only `id` (the file's stem) when the sidecar can't be read
  Verdict verdict;
  std::string refusal;               ///< why it may not be used, in one sentence; "" when it may
  std::filesystem::path shadowed_by; ///< the library of the same id that stands earlier in the search path

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
  static Registry scan(const SearchPath& search);

  /// In the order of the search path, refused and shadowed ones included.
  const std::vector<std::shared_ptr<const Plugin>>& plugins() const { return plugins_; }
  /// Sentences: refused files, shadowed plugins, folders that could not be read.
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// Components of a kind in usable plugins.
  std::vector<Entry> entries(uint32_t kind) const;

  /// `name` is that of a component, or `plugin/component`. Throws UsageError for an unknown name and for one
  /// that several plugins offer; PluginError when only a refused plugin offers it.
  Entry find(uint32_t kind, std::string_view name) const;

  /// The backbone that handles a value of "model_type". Throws DataError when none does, PluginError when only
  /// a refused plugin does or when several do.
  Entry find_backbone(std::string_view model_type) const;

  /// The plugin with this id, the one that wins. Throws UsageError.
  std::shared_ptr<const Plugin> find_plugin(std::string_view id) const;

private:
  std::vector<std::shared_ptr<const Plugin>> plugins_;
  std::vector<std::string> warnings_;
};

/// Opens the library if that was not done before and makes one object. `arguments`: see
/// cuecard_component_v1::create. The result points at the component's interface; its deleter calls `destroy`
/// and keeps the library. Throws PluginError.
std::shared_ptr<void> create(const Entry& entry, const void* arguments);

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

/// Throws std::logic_error when the entry is of another kind than the interface that was asked for.
void require_kind(const Entry& entry, uint32_t kind);
} // namespace detail

/// An object behind its interface: make<Tuner>(registry.find(CUECARD_TUNER, "prompt-tuning"), complete(...)).
/// Plugins hand out pointers to exactly that interface (plugin.h), so the cast back is exact.
template <class Interface>
std::shared_ptr<Interface> make(const Entry& entry, const Options& options) {
  static_assert(detail::kind_of<Interface> != 0 && detail::kind_of<Interface> != CUECARD_BACKBONE);
  detail::require_kind(entry, detail::kind_of<Interface>);
  return std::static_pointer_cast<Interface>(create(entry, &options));
}

/// The same for a backbone.
inline std::shared_ptr<Backbone> make(const Entry& entry, const BackboneArguments& arguments) {
  detail::require_kind(entry, CUECARD_BACKBONE);
  return std::static_pointer_cast<Backbone>(create(entry, &arguments));
}

} // namespace cuecard::registry
