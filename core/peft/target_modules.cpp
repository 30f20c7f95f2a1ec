#include "peft/target_modules.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include <cuecard/error.hpp>

#include "peft/name_pattern.hpp"

namespace cuecard::peft {

namespace {

bool names(const std::vector<std::string>& modules, std::string_view module) {
  return std::ranges::any_of(
      modules, [&](const std::string& each) { return module == each || ends_at_dot(module, each); });
}

/// Whether the pattern names the module; `otherwise` for unsupported syntax.
bool names(const std::string& pattern, std::string_view module, bool otherwise) {
  const auto parsed = NamePattern::parse(pattern);
  return parsed ? parsed->matches(module) : otherwise;
}

/// The number of the module's layer: the first number between dots, after one of `patterns` where there are any. As in PEFT two names
/// precede the dot before it without patterns.
std::optional<int64_t> layer_of(std::string_view module, const std::vector<std::string>& patterns) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= module.size();) {
    const std::size_t dot = std::min(module.find('.', at), module.size());
    parts.push_back(module.substr(at, dot - at));
    at = dot + 1;
  }
  const auto number_after = [&](const std::string* name) -> std::optional<int64_t> {
    for (std::size_t i = name ? 1 : 2; i + 1 < parts.size(); ++i) {
      int64_t number = 0;
      const char* end = parts[i].data() + parts[i].size();
      const auto [stop, error] = std::from_chars(parts[i].data(), end, number);
      if (error == std::errc() && stop == end && number >= 0 && parts[i][0] != '-' &&
          (!name || parts[i - 1] == *name))
        return number;
    }
    return std::nullopt;
  };
  if (patterns.empty())
    return number_after(nullptr);
  for (const std::string& pattern : patterns)
    if (const auto number = number_after(&pattern))
      return number;
  return std::nullopt;
}

} // namespace

bool is_target(const AdapterConfig& config, std::string_view module) {
  if (names(config.excluded_modules, module) ||
      (!config.excluded_pattern.empty() && names(config.excluded_pattern, module, false)))
    return false;
  if (!config.target_pattern.empty())
    return names(config.target_pattern, module, true);
  if (config.target_modules.empty())
    return true;
  if (std::ranges::find(config.target_modules, module) != config.target_modules.end())
    return true;
  if (!names(config.target_modules, module))
    return false;
  if (config.layers_to_transform.empty())
    return true;
  const auto layer = layer_of(module, config.layers_pattern);
  return layer && std::ranges::find(config.layers_to_transform, *layer) != config.layers_to_transform.end();
}

void ignore_other_modules(Adapter& adapter, const std::string& origin) {
  std::set<std::string> ignored;
  std::erase_if(adapter.module_tensors, [&](const auto& entry) {
    const std::string module =
        entry.first.substr(0, entry.first.rfind('.')); // without .lora_A, .lora_B or .ia3_l
    if (is_target(adapter.config, module))
      return false;
    ignored.insert(module);
    return true;
  });
  if (adapter.module_tensors.empty() && !ignored.empty())
    throw DataError(
        origin + ": has tensors of " + counted(ignored.size(), "module") + ", such as \"" +
        ignored.begin()->substr(0, 120) +
        "\", and \"target_modules\" of adapter_config.json names none of them; expected the modules that "
        "were trained.");
  adapter.ignored_modules.assign(ignored.begin(), ignored.end());
}

} // namespace cuecard::peft
