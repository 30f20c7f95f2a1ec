/// Options of a component: declared once, as constant data in the plugin's manifest; validated by the host; read through typed
/// accessors.
///
/// Threads: const functions may run concurrently; `set` needs exclusive access. A component's constructor gets a reference that is valid
/// during the call, and copies what it needs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include <cuecard/export.hpp>

namespace cuecard {

/// Values of a component's options, complete (defaults filled in) and valid (types, ranges, choices) when a
/// plugin sees them.
class CUECARD_API Options {
public:
  /// By the option's type; a choice, a file and a card are texts.
  using Value = std::variant<bool, int64_t, double, std::string>;

  /// Adds a value, or replaces the one under `name`. Nothing is validated here: the host does that, and a test sets what it wants.
  void set(std::string name, Value value) { values_[std::move(name)] = std::move(value); }
  /// All values by option name. Valid as long as the options.
  const std::map<std::string, Value, std::less<>>& values() const { return values_; }

  /// The value of a flag_option. As the three below: std::logic_error for a name that was not declared, or that has another type, which is
  /// an error in the plugin.
  bool flag(std::string_view name) const;
  /// The value of an integer_option.
  int64_t integer(std::string_view name) const;
  /// The value of a number_option; an integer is not converted.
  double number(std::string_view name) const;
  /// The value of a text_option, or the path or card of a file_option or card_option; "": none. Valid until this option is set again.
  const std::string& text(std::string_view name) const;

private:
  std::map<std::string, Value, std::less<>> values_;
};

} // namespace cuecard
