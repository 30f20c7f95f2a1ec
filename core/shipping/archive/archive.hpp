/// Archives of plugins: gzipped tar files with one plugin each. Their format is described in registry/archive_format.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "registry/trust/contents.hpp"

namespace cuecard::shipping {

/// What is packed; the sidecar lies beside the library.
struct PackSources {
  std::filesystem::path library, readme, license;
  std::optional<std::filesystem::path> key; ///< file of the private key to sign with
};

/// Writes the archive, replacing an existing file. The same files give the same bytes. Throws DataError for a file that can't be read,
/// a sidecar that isn't the library's, or a text larger than 1 MiB.
registry::SignedContents pack_archive(const PackSources& sources, const std::filesystem::path& archive);

/// Unpacks an archive into an empty folder and trusts nothing in it: members are exactly those that CONTENTS lists, in their order,
/// regular files without folders in their names, with the sizes that are listed; what is unpacked is at most a hundred times what was
/// read. Hashes are not compared: `read_plugin_folder` does it. Throws DataError.
void unpack_archive(const std::filesystem::path& archive, const std::filesystem::path& folder);

/// The contents that the archive declares, read from its first member alone. Throws DataError.
registry::Contents listed_contents(const std::filesystem::path& archive);

} // namespace cuecard::shipping
