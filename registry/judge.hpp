/// Decides from a manifest alone whether a plugin fits this host, before any code of the plugin runs.
///
/// Hard mismatches change how C++ objects are laid out or freed; soft ones are worth a note (cpp-anchors A3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tool/manifest.hpp"

namespace cuecard::registry {

/// What plugins are compared with.
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

/// Sentences that say what was found, what is needed and what to do.
struct Verdict {
  std::vector<std::string> mismatches; ///< any: the plugin is refused
  std::vector<std::string> notes;

  bool fits() const { return mismatches.empty(); }
};

/// `file` starts each sentence.
Verdict judge(const Manifest& manifest, const std::string& file, const HostBuild& host = HostBuild::current());

} // namespace cuecard::registry
