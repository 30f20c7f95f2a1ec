/// The folder of one plugin as its archive has it: unpacked, or installed by `cuecard plugin install`.
#pragma once

#include <filesystem>

#include "registry/trust/contents.hpp"
#include "sdk/manifest/manifest.hpp"

namespace cuecard::shipping {

struct PluginFolder {
  registry::SignedContents contents;
  Manifest manifest; ///< of the sidecar; not `readable()` if built for another plugin ABI
};

/// Compares every file with CONTENTS (size and SHA-256), CONTENTS with its signature, and the sidecar with the manifest in the library,
/// which is read and not loaded. `shown` names the folder in errors. Throws DataError for a file that is missing, unexpected or different.
PluginFolder read_plugin_folder(const std::filesystem::path& folder, const std::string& shown);

} // namespace cuecard::shipping
