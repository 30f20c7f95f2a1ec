/// A value in a JSON document that knows its own path, so that errors name the exact key.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cuecard::tokenizer {

class Field {
public:
  /// `origin` is the file's name. The document must outlive the field.
  Field(const nlohmann::json& document, std::string origin);

  /// nullopt if the key is absent or `null`.
  std::optional<Field> find(const std::string& key) const;
  Field at(const std::string& key) const;
  /// Whether all of `keys` are there and not `null`.
  bool has(std::initializer_list<const char*> keys) const;
  std::vector<Field> items() const;
  /// Those of an object that are not `null`, by key.
  std::vector<std::pair<std::string, Field>> entries() const;

  std::string string() const;
  std::string character() const; ///< a string of one code point
  int64_t integer(int64_t min, int64_t max) const;
  double number() const;
  /// The value as text, shortened, for an error message.
  std::string excerpt() const;
  bool is_string() const;
  bool is_array() const;
  bool is_object() const;

  std::string string(const std::string& key, const std::string& fallback) const;
  bool flag(const std::string& key, bool fallback) const;
  int64_t integer(const std::string& key, int64_t fallback, int64_t min, int64_t max) const;

  /// The entries of `{"a": 0, "b": 1}`.
  std::vector<std::pair<std::string, int64_t>> string_ids() const;
  /// The entries of `[["a", -1.5], ...]`.
  std::vector<std::pair<std::string, double>> scored_strings() const;
  /// The entries of `{"0": ..., "7": ...}`.
  std::vector<std::pair<int64_t, Field>> fields_by_id() const;
  /// The entries of `["a b", ...]` or `[["a", "b"], ...]`.
  std::vector<std::pair<std::string, std::string>> string_pairs() const;

  /// `FILE: key "a.b[3]" ` followed by `rest`, as one line.
  std::string sentence(const std::string& rest) const;
  /// Throws DataError: `FILE: key "a.b[3]" ` followed by `rest`.
  [[noreturn]] void fail(const std::string& rest) const;
  /// The same about what the file has as `name`, FILE: KEY, where the document was made from a file of another format.
  [[noreturn]] static void fail_as(const std::string& name, const std::string& rest);
  /// Throws DataError that lists the `known` values and suggests the nearest one.
  [[noreturn]] void fail_unknown(const std::string& found, const std::vector<std::string>& known) const;

private:
  Field(const nlohmann::json& json, std::string origin, std::string path);
  Field child(const nlohmann::json& json, const std::string& path) const;
  std::string path_of(const std::string& key) const;
  const nlohmann::json* json_;
  std::string origin_;
  std::string path_;
};

} // namespace cuecard::tokenizer
