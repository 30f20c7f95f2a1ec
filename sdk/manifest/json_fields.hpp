/// Strict reading of the small JSON documents that belong to plugins: sidecars, lists of an archive's contents, indexes, trust policies.
/// Missing, doubled and unknown keys, wrong types and deep nesting are DataErrors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cuecard {

/// What errors say about a document.
struct JsonOrigin {
  std::string name;   ///< prefix of every error
  std::string advice; ///< last sentence of an error about its contents
};

/// Access to an object that remembers which keys were read.
class JsonFields {
public:
  JsonFields(const nlohmann::json& object, const JsonOrigin& origin, std::string where = "");

  const nlohmann::json& any(const char* key);
  const nlohmann::json& array(const char* key);
  std::string text(const char* key);
  /// 64 lower-case hexadecimal digits.
  std::string sha256(const char* key);
  bool truth(const char* key, bool fallback);
  uint64_t whole(const char* key, uint64_t most);
  uint32_t small(const char* key) { return static_cast<uint32_t>(whole(key, UINT32_MAX)); }
  /// A number or null.
  std::optional<double> bound(const char* key);
  std::vector<std::string> texts(const char* key);
  bool has(const char* key) const { return object_.contains(key); }

  /// Call it when all known keys have been read.
  void nothing_else() const;
  [[noreturn]] void refuse(const std::string& key, const std::string& what) const;

private:
  const nlohmann::json& object_;
  const JsonOrigin& origin_;
  std::string where_;
  std::vector<std::string> known_keys_;
};

nlohmann::json parse_strict(std::span<const unsigned char> bytes, const JsonOrigin& origin);

bool is_sha256(const std::string& text);

} // namespace cuecard
