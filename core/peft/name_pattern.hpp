/// Regular expressions of Python that name modules in PEFT's configurations.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cuecard::peft {

/// Immutable. Run by ICU, whose syntax has all of Python's that such patterns use.
class NamePattern {
public:
  /// nullopt for what is no regular expression, and for more than 1024 characters.
  static std::optional<NamePattern> parse(std::string_view pattern);

  /// Whether the whole of `name` matches (Python's re.fullmatch). Throws DataError when that exceeds a time limit.
  bool matches(std::string_view name) const;

private:
  struct Compiled;
  NamePattern(std::string text, std::shared_ptr<const Compiled> compiled)
      : text_(std::move(text)), compiled_(std::move(compiled)) {}

  std::string text_;
  std::shared_ptr<const Compiled> compiled_;
};

/// Whether `end` is the end of `name` after a dot.
bool ends_at_dot(std::string_view name, std::string_view end);

/// Whether PEFT's pattern `key` is the module's name or its end after a dot: Python's re.match(rf"(.*\.)?({key})$", module). false for
/// what NamePattern does not parse.
bool matches_pattern_key(std::string_view key, std::string_view module);

} // namespace cuecard::peft
