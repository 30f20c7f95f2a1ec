/// For tests: the manifest of a plugin with the same build as this host.
#pragma once

#include <string>

#include "judge.hpp"

namespace cuecard::registry {

/// The manifest of ID.so, version 1.0.0, without components.
inline Manifest host_manifest(const std::string& id) {
  const HostBuild host = HostBuild::current();
  Manifest manifest;
  manifest.id = id;
  manifest.version = "1.0.0";
  manifest.file = id + ".so";
  manifest.sha256 = std::string(64, '0');
  manifest.platform = host.platform;
  manifest.compiler = host.compiler;
  manifest.abi_kind = CUECARD_ABI_CXX;
  manifest.abi_major = host.abi_major;
  manifest.abi_minor = host.abi_minor;
  manifest.torch_major = host.torch_major;
  manifest.torch_minor = host.torch_minor;
  manifest.torch_patch = host.torch_patch;
  manifest.cxx_std = 202002;
  manifest.stdlib = host.stdlib;
  manifest.abi_flags = host.abi_flags;
  return manifest;
}

} // namespace cuecard::registry
