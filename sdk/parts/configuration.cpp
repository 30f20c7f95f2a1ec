#include <cuecard/configuration.hpp>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

[[noreturn]] void refuse(const std::string& origin, std::string_view key, const std::string& found,
                         const std::string& expected) {
  throw DataError(origin + ": \"" + std::string(key) + "\" is " + found + "; expected " + expected + ".");
}

/// Describes a value in an error message.
struct Describe {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return shortest(value); }
  std::string operator()(const std::string& value) const { return "\"" + value.substr(0, 80) + "\""; }
  template <class T>
  std::string operator()(const std::vector<T>& value) const {
    return "a list of " + std::to_string(value.size());
  }
};

} // namespace

Configuration Configuration::renamed(const std::vector<std::pair<std::string, std::string>>& names) const {
  Configuration result = *this;
  for (const auto& [from, to] : names)
    if (const auto found = result.values_.find(from); found != result.values_.end()) {
      result.values_[to] = std::move(found->second);
      result.values_.erase(from);
    }
  return result;
}

int64_t Configuration::integer(std::string_view key, int64_t low, int64_t high) const {
  const auto found = values_.find(key);
  const std::string expected = "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
  if (found == values_.end())
    refuse(origin_, key, "missing", expected);
  const int64_t* value = std::get_if<int64_t>(&found->second);
  if (!value || *value < low || *value > high)
    refuse(origin_, key, std::visit(Describe{}, found->second), expected);
  return *value;
}

double Configuration::number(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end())
    refuse(origin_, key, "missing", "a number");
  if (const double* value = std::get_if<double>(&found->second))
    return *value;
  if (const int64_t* value = std::get_if<int64_t>(&found->second))
    return static_cast<double>(*value);
  refuse(origin_, key, std::visit(Describe{}, found->second), "a number");
}

bool Configuration::boolean(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end())
    refuse(origin_, key, "missing", "true or false");
  if (const bool* value = std::get_if<bool>(&found->second))
    return *value;
  refuse(origin_, key, std::visit(Describe{}, found->second), "true or false");
}

std::string Configuration::text(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end())
    refuse(origin_, key, "missing", "a text");
  if (const std::string* value = std::get_if<std::string>(&found->second))
    return *value;
  refuse(origin_, key, std::visit(Describe{}, found->second), "a text");
}

int64_t Configuration::integer_or(std::string_view key, int64_t fallback, int64_t low, int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}
double Configuration::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}
bool Configuration::boolean_or(std::string_view key, bool fallback) const {
  return has(key) ? boolean(key) : fallback;
}
std::string Configuration::text_or(std::string_view key, std::string fallback) const {
  return has(key) ? text(key) : std::move(fallback);
}

} // namespace cuecard
