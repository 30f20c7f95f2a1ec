/// Keys that clients prove themselves with.
#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace cuecard::server {

class ApiKeys {
public:
  /// Everybody is let in.
  ApiKeys() = default;
  /// One key a line. DataError when there is none.
  explicit ApiKeys(const std::filesystem::path& file);

  bool none() const { return digests_.empty(); }
  /// Whether the header `Authorization: Bearer KEY` has one of the keys.
  bool admit(const std::string& authorization) const;

private:
  /// SHA-256 sums: how long a comparison takes says nothing about a key.
  std::set<std::string> digests_;
};

} // namespace cuecard::server
