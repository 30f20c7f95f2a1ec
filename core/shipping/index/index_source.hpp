/// Where an index and its archives lie: a folder, or an HTTPS address.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "registry/trust/trust.hpp"
#include "shipping/index/plugin_index.hpp"

namespace cuecard::shipping {

class IndexSource {
public:
  /// A folder, its index.json, or the address of either.
  explicit IndexSource(const std::string& place);

  /// `--index` as given, else CUECARD_PLUGIN_INDEX, places separated by blanks. Throws UsageError for none, unless `required` is false.
  static std::vector<IndexSource> chosen(const std::vector<std::string>& given, bool required = true);

  /// Of an index with a signature this, its key and its time are checked, see signed_index.hpp. Throws DataError, and PluginError for one
  /// that the policies do not trust.
  PluginIndex read(const registry::Trust& trust) const;
  /// Copies an archive to a file and compares its size and SHA-256 with the index while doing so. Throws DataError.
  void fetch(const IndexEntry& entry, const std::filesystem::path& to) const;

  const std::string& place() const { return base_; }
  std::string place_of(const IndexEntry& entry) const { return base_ + "/" + entry.archive; }

private:
  std::vector<unsigned char> index_bytes() const;
  /// Nothing if there is no such file.
  std::optional<std::vector<unsigned char>> signature_bytes() const;

  std::string base_; ///< without the name of the index and without a slash at its end
  bool remote_ = false;
};

} // namespace cuecard::shipping
