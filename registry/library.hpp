/// An opened plugin library.
#pragma once

#include <filesystem>
#include <memory>

#include <cuecard/plugin.h>

#include "registry.hpp"
#include "tool/manifest.hpp"

namespace cuecard::registry {

class Library {
public:
  /// The library of a plugin, opened at the first call and kept until the process ends: autograd nodes and
  /// deleters of tensors may live longer than any object of it (cpp-anchors A5). Throws PluginError.
  ///
  /// A crash, an exception or a call of exit in a static initialiser can't be recovered from: the process then
  /// ends with one sentence on standard error and exit code 4. `probe` finds that out in a child.
  static std::shared_ptr<const Library> open(const Plugin& plugin);

  /// The hand-shake without keeping anything, for a child that probes: `sidecar` may be null. Throws
  /// PluginError; crashes as the library makes it.
  static Manifest try_out(const std::filesystem::path& file, const Manifest* sidecar);

  const cuecard_component_v1& component(std::size_t index) const;

  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

private:
  struct Handle;
  explicit Library(std::unique_ptr<Handle> handle);

  static std::unique_ptr<Handle> shake_hands(const std::filesystem::path& file, const Manifest* sidecar,
                                             bool watch);

  std::unique_ptr<Handle> handle_;
};

} // namespace cuecard::registry
