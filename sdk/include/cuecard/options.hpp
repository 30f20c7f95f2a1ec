/// Options of a component: declared once, as constant data in the plugin's manifest; validated by the host; read through typed
/// accessors.
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
  using Value = std::variant<bool, int64_t, double, std::string>;

  void set(std::string name, Value value) { values_[std::move(name)] = std::move(value); }
  const std::map<std::string, Value, std::less<>>& values() const { return values_; }

  /// std::logic_error for a name that was not declared, or that has another type: an error in the plugin.
  bool flag(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  const std::string& text(std::string_view name) const;

private:
  std::map<std::string, Value, std::less<>> values_;
};

} // namespace cuecard
