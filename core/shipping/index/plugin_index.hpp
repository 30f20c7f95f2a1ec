/// Indexes of plugin archives: one JSON file, index.json, with the archives beside it. The format is described in
/// registry/archive_format.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "registry/trust/contents.hpp"
#include "sdk/manifest/manifest.hpp"
#include "shipping/archive/signing_key.hpp"

namespace cuecard::shipping {

constexpr const char* index_name = "index.json";
constexpr uint64_t largest_index = 16 << 20;

/// Letters, digits and `._+-`, ending in .tar.gz: no folder, no blank, nothing that is special in a URL or a shell.
bool is_archive_name(const std::string& name);

/// One archive.
struct IndexEntry {
  std::string archive; ///< file name beside the index
  uint64_t size = 0;
  std::string sha256;
  std::optional<registry::Signature>
      signature;       ///< that of the archive, which is verified when the archive is read
  Manifest manifest;   ///< not `readable()` if built for another plugin ABI
  std::string sidecar; ///< the manifest as JSON

  /// Why it doesn't fit this host, in one sentence; "" if it fits.
  std::string mismatch() const;
  /// Such as "abi3-torch2.15 linux-x86_64".
  std::string build() const;
};

struct PluginIndex {
  std::string address; ///< the folder or URL where it was found, for messages
  std::vector<IndexEntry> entries;
  uint64_t made =
      0; ///< when its list last changed, in seconds since 1970; 0 if it does not say so, as one that is not signed

  std::vector<const IndexEntry*> of(const std::string& id) const;
  /// The newest version of these that fits this host, or the newest at all; null for none. `version` "": any.
  const IndexEntry* newest(const std::string& id, bool fitting, const std::string& version = "") const;
  std::vector<std::string> ids() const;
};

/// Strict. Throws DataError.
PluginIndex read_index(std::span<const unsigned char> bytes, const std::string& address);

/// The result of indexing the archives of a folder.
struct IndexedFolder {
  std::size_t archives = 0, added = 0, removed = 0;
};

/// Reads every archive in the folder (*.tar.gz), checks it as an installation does, and writes the index. An archive that is in the index
/// with other bytes, or two archives of one build, are a DataError: who has installed a version must get the same bytes again. With a key
/// the index is signed; without one an index that was signed is a UsageError.
IndexedFolder write_index(const std::filesystem::path& folder, const std::optional<SigningKey>& key);

} // namespace cuecard::shipping
