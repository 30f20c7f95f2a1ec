/// Where an index and its archives lie: a folder, or an HTTPS address.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shipping/index/plugin_index.hpp"

namespace cuecard::shipping {

class IndexSource {
public:
  /// A folder, its index.json, or the address of either.
  explicit IndexSource(const std::string& place);

  /// `--index` as given, else CUECARD_PLUGIN_INDEX, places separated by blanks. Throws UsageError for none, unless `required` is false.
  static std::vector<IndexSource> chosen(const std::vector<std::string>& given, bool required = true);

  /// Throws DataError.
  PluginIndex read() const;
  /// Copies an archive to a file and compares its size and SHA-256 with the index while doing so. Throws DataError.
  void fetch(const IndexEntry& entry, const std::filesystem::path& to) const;

  const std::string& place() const { return base_; }
  std::string place_of(const IndexEntry& entry) const { return base_ + "/" + entry.archive; }

private:
  std::string base_; ///< without the name of the index and without a slash at its end
  bool remote_ = false;
};

} // namespace cuecard::shipping
