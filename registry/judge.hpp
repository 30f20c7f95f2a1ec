/// Decides from the manifest alone whether a plugin is compatible with this host, before any of its code runs.
///
/// Mismatches that change how C++ objects are laid out or freed are fatal; others are reported as notes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "manifest/manifest.hpp"

namespace cuecard::registry {

/// The build that plugins are compared with.
struct HostBuild {
  uint32_t abi_major, abi_minor;
  uint32_t torch_major, torch_minor, torch_patch;
  uint32_t stdlib;    ///< cuecard_stdlib
  uint32_t abi_flags; ///< cuecard_abi_flag
  std::string platform;
  std::string compiler;

  /// The build of this program.
  static HostBuild current();
};

/// Each text is a sentence: what was found, what is required and what to do.
struct Verdict {
  std::vector<std::string> mismatches; ///< if any, the plugin is rejected
  std::vector<std::string> notes;

  bool fits() const { return mismatches.empty(); }
};

/// `file` is the prefix of each mismatch.
Verdict judge(const Manifest& manifest, const std::string& file, const HostBuild& host = HostBuild::current());

/// One sentence if the component of the library `file` is written for another version of its interface than this host's; else empty.
std::string interface_mismatch(const ComponentInfo& component, const std::string& file);

} // namespace cuecard::registry
