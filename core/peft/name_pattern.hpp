/// Regular expressions of Python that name modules in PEFT's configurations.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace cuecard::peft {

/// A nondeterministic automaton (Thompson 1968), so that the time is at most the product of both lengths. Immutable.
class NamePattern {
public:
  /// Characters, `.`, `\.`, `\d`, `\w`, classes, groups with or without `?:`, `|`, `*`, `+`, `?`, also lazy, `^` and `$`; nullopt for
  /// other syntax and for more than 1024 characters.
  static std::optional<NamePattern> parse(std::string_view pattern);

  /// Whether the whole of `name` matches (Python's re.fullmatch).
  bool matches(std::string_view name) const;

private:
  friend class PatternParser;

  enum class Kind { step, character, begin, end };
  struct State {
    Kind kind = Kind::step;
    std::bitset<256> accepted = {}; ///< bytes that lead on from a `character`
    std::vector<int32_t> next = {};
  };

  NamePattern() = default;
  /// Adds `state` and all that follow without a character; `at` is the position in a name of `size` characters.
  void enter(int32_t state, std::size_t at, std::size_t size, std::vector<char>& entered) const;

  std::vector<State> states_;
  int32_t first_ = 0, last_ = 0;
};

/// Whether PEFT's pattern `key` is the module's name or its end after a dot: Python's re.match(rf"(.*\.)?({key})$", module). false for
/// syntax that NamePattern does not have.
bool matches_pattern_key(std::string_view key, std::string_view module);

} // namespace cuecard::peft
