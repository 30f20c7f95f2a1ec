/// A place in a JSON document that knows its own address, so that each part of the tokenizer reads its settings
/// and says exactly what is wrong with them.
#pragma once

#include <cstdint>
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

  /// Absent and `null` are the same.
  std::optional<Field> find(const std::string& key) const;
  Field at(const std::string& key) const;
  std::vector<Field> items() const;

  std::string string() const;
  std::string character() const; ///< a string of one code point
  int64_t integer(int64_t least, int64_t most) const;
  bool is_string() const;
  bool is_array() const;

  std::string string(const std::string& key, const std::string& otherwise) const;
  bool flag(const std::string& key, bool otherwise) const;
  int64_t integer(const std::string& key, int64_t otherwise, int64_t least, int64_t most) const;

  /// Of `{"a": 0, "b": 1}`.
  std::vector<std::pair<std::string, int64_t>> numbered_strings() const;
  /// Of `[["a", -1.5], ...]`.
  std::vector<std::pair<std::string, double>> scored_strings() const;
  /// Of `{"0": ..., "7": ...}`.
  std::vector<std::pair<int64_t, Field>> numbered_fields() const;
  /// Of `["a b", ...]` or `[["a", "b"], ...]`.
  std::vector<std::pair<std::string, std::string>> string_pairs() const;

  /// Throws DataError: `FILE: key "a.b[3]" ` and the sentence's rest.
  [[noreturn]] void fail(const std::string& rest) const;
  /// Throws DataError: `key "..." is "found", but ... are known`, and the nearest of `known`.
  [[noreturn]] void fail_unknown(const std::string& found, const std::vector<std::string>& known) const;

private:
  Field(const nlohmann::json& json, std::string origin, std::string address);
  Field child(const nlohmann::json& json, const std::string& address) const;
  std::string address_of(const std::string& key) const;
  const nlohmann::json* json_;
  std::string origin_;
  std::string address_;
};

} // namespace cuecard::tokenizer
