/// A loaded plugin library.
#pragma once

#include <filesystem>
#include <memory>

#include <cuecard/plugin.h>

#include "manifest/manifest.hpp"
#include "registry.hpp"

namespace cuecard::registry {

/// `plugin`, rejected if its library doesn't match the hash in the sidecar, as loading would report. Loads nothing.
Plugin verified(const Plugin& plugin);

class Library {
public:
  /// The library of a plugin, loaded at the first call and kept until the process ends: autograd nodes and
  /// deleters of tensors may outlive every object created by it. Throws PluginError.
  ///
  /// A crash, an exception or a call of exit in a static initialiser can't be recovered from: the process ends
  /// with one sentence on standard error and exit code 4. `probe` detects this in a child process.
  static std::shared_ptr<const Library> open(const Plugin& plugin);

  /// Loads the library with the same checks but without crash reporting, for the child process of a probe.
  /// `sidecar` may be null. Throws PluginError.
  static Manifest load_for_probe(const std::filesystem::path& file, const Manifest* sidecar);

  const cuecard_component_v1& component(std::size_t index) const;

  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

private:
  struct Handle;
  explicit Library(std::unique_ptr<Handle> handle);

  static std::unique_ptr<Handle> load_checked(const std::filesystem::path& file, const Manifest* sidecar,
                                              bool watch);

  std::unique_ptr<Handle> handle_;
};

} // namespace cuecard::registry
