#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include <cuecard/error.hpp>

namespace cuecard::registry {

namespace {

std::string title(const ComponentInfo& component) {
  return kind_name(component.kind) + " \"" + component.name + "\"";
}

const OptionInfo& declared(const ComponentInfo& component, const std::string& name) {
  std::vector<std::string> names;
  for (const OptionInfo& option : component.options) {
    if (option.name == name)
      return option;
    names.push_back(option.name);
  }
  if (names.empty())
    throw UsageError(title(component) + " has no options, so \"" + name + "\" can't be set.");
  std::string list;
  for (const std::string& each : names)
    list += (list.empty() ? "" : ", ") + each;
  throw UsageError(title(component) + " has no option \"" + name + "\"." + did_you_mean(name, names) +
                   " Its options: " + list + ".");
}

struct AsText {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return shortest(value); }
  std::string operator()(const std::string& value) const { return value; }
};

/// A default value with its line breaks and tabs escaped as in a C string.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n')
      line += "\\n";
    else if (c == '\t')
      line += "\\t";
    else
      line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return line;
}

} // namespace

Options complete(const ComponentInfo& component, const std::vector<std::pair<std::string, std::string>>& set) {
  Options options;
  for (const auto& [name, text] : set) {
    const OptionInfo& option = declared(component, name);
    if (options.values().contains(name))
      throw UsageError(title(component) + ": option \"" + name + "\" is set twice; remove one.");
    try {
      options.set(name, parse_option(option, text));
    } catch (const UsageError& error) {
      throw UsageError(title(component) + ": " + error.what());
    }
  }
  for (const OptionInfo& option : component.options)
    if (!options.values().contains(option.name))
      options.set(option.name, parse_option(option, option.value));
  return options;
}

bool declares(const ComponentInfo& component, std::string_view option) {
  return std::ranges::any_of(component.options, [&](const OptionInfo& each) { return each.name == option; });
}

void require_used(const ComponentInfo& component, const Options& options) {
  for (const OptionInfo& option : component.options) {
    const auto& [other, values] = needs_of(option);
    if (values.empty() || options.values().at(option.name) == parse_option(option, option.value))
      continue;
    const std::string found = std::visit(AsText{}, options.values().at(other));
    if (std::ranges::find(values, found) == values.end())
      throw UsageError(title(component) + ": option \"" + option.name + "\" is used only with " + option.needs +
                       ", and " + other + " is \"" + found + "\"; set " + other + "=" + values.front() +
                       ", or omit \"" + option.name + "\".");
  }
}

std::vector<std::pair<std::string, std::string>> as_text(const ComponentInfo& component,
                                                         const Options& options) {
  std::vector<std::pair<std::string, std::string>> texts;
  std::map<std::string, Options::Value, std::less<>> undeclared = options.values();
  for (const OptionInfo& option : component.options)
    if (const auto found = undeclared.find(option.name); found != undeclared.end()) {
      texts.emplace_back(option.name, std::visit(AsText{}, found->second));
      undeclared.erase(found);
    }
  for (const auto& [name, value] : undeclared)
    texts.emplace_back(name, std::visit(AsText{}, value));
  return texts;
}

std::string describe(const ComponentInfo& component) {
  std::string text = kind_name(component.kind) + " " + component.name + ": " + component.summary + "\n";
  if (component.kind == CUECARD_VERBALIZER || component.kind == CUECARD_TUNER)
    text += "  trains: " + trains_name(component.trains) + "\n";
  if (component.kind == CUECARD_BACKBONE) {
    text += "  model types:";
    for (const std::string& type : component.model_types)
      text += " " + type;
    text += "\n";
  }
  for (const OptionInfo& option : component.options) {
    text += "  --set " + option.name + "=" + on_one_line(option.value) + "\n";
    text += "      " + option.help + "\n";
    text += "      " + expected_value(option);
    if (!option.needs.empty())
      text += ", with " + option.needs;
    if (!option.source.empty())
      text += " (" + option.source + ")";
    text += "\n";
  }
  return text;
}

} // namespace cuecard::registry
