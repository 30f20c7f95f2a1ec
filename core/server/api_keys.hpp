/// API keys that authenticate clients.
#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace cuecard::server {

class ApiKeys {
public:
  /// Accepts all clients.
  ApiKeys() = default;
  /// One key a line. DataError when there is none.
  explicit ApiKeys(const std::filesystem::path& file);

  bool none() const { return digests_.empty(); }
  /// Whether the header `Authorization: Bearer KEY` has one of the keys.
  bool admit(const std::string& authorization) const;

private:
  /// SHA-256 sums, so that the time of a comparison reveals nothing about a key.
  std::set<std::string> digests_;
};

} // namespace cuecard::server
