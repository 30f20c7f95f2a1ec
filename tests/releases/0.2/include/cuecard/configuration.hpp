/// A model's configuration as flat typed values, so that backbone plugins need no JSON library.
///
/// Keys are those of Hugging Face's `config.json`; keys of nested objects are joined by dots (`rope_scaling.factor`). A null counts
/// as absent.
///
/// Threads: const functions may run concurrently; `set` needs exclusive access. Errors: DataError from the typed accessors; the others
/// throw nothing of their own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <cuecard/export.hpp>

namespace cuecard {

/// The values of a configuration file by key.
class CUECARD_API Configuration {
public:
  /// A number, text or list of them, as JSON has it.
  using Value = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                             std::vector<std::string>>;

  /// `origin` is the file that the values came from; every error names it.
  explicit Configuration(std::string origin = {}) : origin_(std::move(origin)) {}

  /// Adds a value, or replaces the one under `key`.
  void set(std::string key, Value value) { values_[std::move(key)] = std::move(value); }
  /// Whether there is a value under `key`, of any type.
  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  /// All values by key, for lists, which have no accessor. Valid as long as the configuration.
  const std::map<std::string, Value, std::less<>>& values() const { return values_; }
  /// The file that the values came from; "" if there is none.
  const std::string& origin() const { return origin_; }

  /// The same values with some keys renamed, {from, to}. If a file has both, the value under `from` takes precedence, as in
  /// transformers, whose configurations map several families' keys to one attribute.
  Configuration renamed(const std::vector<std::pair<std::string, std::string>>& names) const;

  /// The value of `key`. A missing key, a value of another type, or an integer outside [low, high] is a DataError that names the
  /// file, the key, what was found and what was expected. An integer is also accepted as a number, but not the reverse.
  int64_t integer(std::string_view key, int64_t low = 0, int64_t high = int64_t{1} << 32) const;
  double number(std::string_view key) const;
  bool boolean(std::string_view key) const;
  std::string text(std::string_view key) const;

  /// The same with a default for an absent key; `fallback` itself is not checked. A value that is there must still have the type and be in
  /// the range: otherwise a DataError.
  int64_t integer_or(std::string_view key, int64_t fallback, int64_t low = 0,
                     int64_t high = int64_t{1} << 32) const;
  double number_or(std::string_view key, double fallback) const;
  bool boolean_or(std::string_view key, bool fallback) const;
  std::string text_or(std::string_view key, std::string fallback) const;

private:
  std::string origin_;
  std::map<std::string, Value, std::less<>> values_;
};

} // namespace cuecard
