/// Typed access to a JSON object's keys; every error names the file and the key's path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cuecard {

/// A view of one object; the document must outlive it.
class JsonObject {
public:
  /// Throws DataError when `value` is not an object or has a key that is not in `keys` (empty: any key).
  JsonObject(const nlohmann::json& value, std::string file, std::string path,
             const std::vector<std::string>& keys);

  bool has(const std::string& key) const;
  /// In alphabetical order.
  std::vector<std::string> keys() const;

  const nlohmann::json& at(const std::string& key) const;
  std::string text(const std::string& key) const;
  std::string text_or(const std::string& key, const std::string& fallback) const;
  bool flag_or(const std::string& key, bool fallback) const;
  int64_t integer(const std::string& key, int64_t low, int64_t high) const;
  int64_t integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const;
  double number(const std::string& key, double low, double high) const;
  /// A list of strings.
  std::vector<std::string> texts(const std::string& key) const;
  /// One of `choices`.
  std::string choice_or(const std::string& key, const std::string& fallback,
                        const std::vector<std::string>& choices) const;
  JsonObject object(const std::string& key, const std::vector<std::string>& allowed) const;

  /// The object's path, such as `data.fields`, with `key` appended when given.
  std::string path(const std::string& key = "") const;
  /// "FILE: `path` is FOUND; expected EXPECTED."
  [[noreturn]] void refuse(const std::string& key, const std::string& expected) const;

private:
  const nlohmann::json* value_;
  std::string file_, path_;
};

} // namespace cuecard
