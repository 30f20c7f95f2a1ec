#include "model/configuration_json.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "files/strict_json.hpp"

namespace cuecard {

namespace {

using Value = Configuration::Value;
using nlohmann::json;

int64_t integer(const json& value, const std::string& key, const std::string& origin) {
  if (value.is_number_unsigned() &&
      value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    throw DataError(origin + ": \"" + key + "\" is " + value.dump() + "; expected a number below 2^63.");
  return value.get<int64_t>();
}

/// An array of scalars of one type; nullopt for other arrays.
std::optional<Value> array_of_scalars(const json& items, const std::string& key, const std::string& origin) {
  const auto all = [&](auto is) { return std::all_of(items.begin(), items.end(), is); };
  if (all([](const json& item) { return item.is_number_integer() || item.is_boolean(); })) {
    std::vector<int64_t> values;
    for (const json& item : items)
      values.push_back(item.is_boolean() ? int64_t{item.get<bool>()} : integer(item, key, origin));
    return values;
  }
  if (all([](const json& item) { return item.is_number(); }))
    return items.get<std::vector<double>>();
  if (all([](const json& item) { return item.is_string(); }))
    return items.get<std::vector<std::string>>();
  return std::nullopt;
}

std::optional<Value> scalar_or_array(const json& value, const std::string& key, const std::string& origin) {
  if (value.is_boolean())
    return value.get<bool>();
  if (value.is_number_integer())
    return integer(value, key, origin);
  if (value.is_number_float())
    return value.get<double>();
  if (value.is_string())
    return value.get<std::string>();
  if (value.is_array())
    return array_of_scalars(value, key, origin);
  return std::nullopt;
}

void flatten(const json& object, const std::string& prefix, Configuration& into) {
  for (const auto& [name, value] : object.items()) {
    const std::string key = prefix + name;
    if (value.is_object())
      flatten(value, key + ".", into);
    else if (auto typed = scalar_or_array(value, key, into.origin()))
      into.set(key, std::move(*typed));
  }
}

void set_if_absent(Configuration& into, const std::string& key, const Value& value) {
  if (!into.has(key))
    into.set(key, value);
}

/// `configuration` without its `rope_parameters` where it has a `rope_scaling`, which counts instead of all of them
/// in transformers 5.
Configuration with_one_rope(const Configuration& configuration) {
  const auto& values = configuration.values();
  if (std::none_of(values.begin(), values.end(),
                   [](const auto& entry) { return entry.first.starts_with("rope_scaling."); }))
    return configuration;
  Configuration result(configuration.origin());
  for (const auto& [key, value] : values)
    if (!key.starts_with("rope_parameters."))
      result.set(key, value);
  return result;
}

/// Whether the family reads `rope_theta` at the top level of its file: GPT-NeoX has `rotary_emb_base` there.
bool has_rope_theta(const Configuration& configuration) {
  const auto type = configuration.values().find("model_type");
  return type == configuration.values().end() || type->second != Value(std::string("gpt_neox"));
}

/// transformers 5 keeps all RoPE settings in `rope_parameters`. transformers 4 has `rope_theta` next to
/// `rope_scaling`, which is absent when there is no scaling.
void add_both_spellings(Configuration& configuration) {
  configuration = with_one_rope(configuration);
  const auto values = configuration.values(); // a copy, because the loop inserts
  const std::string parameters = "rope_parameters.", scaling = "rope_scaling.";
  const auto kind =
      values.find(parameters + (values.contains(parameters + "rope_type") ? "rope_type" : "type"));
  const bool scaled = kind != values.end() && kind->second != Value(std::string("default"));
  if (const auto old_kind = values.find(parameters + "type"); old_kind != values.end())
    set_if_absent(configuration, parameters + "rope_type", old_kind->second);
  for (const auto& [key, value] : values) {
    if (key == "torch_dtype")
      set_if_absent(configuration, "dtype", value);
    if (key == "dtype")
      set_if_absent(configuration, "torch_dtype", value);
    if (key == "rope_theta" && has_rope_theta(configuration))
      set_if_absent(configuration, parameters + key, value);
    if (key == parameters + "rope_theta")
      set_if_absent(configuration, "rope_theta", value);
    else if (scaled && key.starts_with(parameters))
      set_if_absent(configuration, scaling + key.substr(parameters.size()), value);
    if (key.starts_with(scaling)) {
      const std::string name = key.substr(scaling.size());
      if (name != "type")
        configuration.set(parameters + name, value);
    }
  }
  if (const auto old_kind = values.find(scaling + "type"); old_kind != values.end())
    for (const std::string& group : {scaling, parameters})
      set_if_absent(configuration, group + "rope_type", old_kind->second);
}

/// Keys whose null means something else than an absent key.
void read_nulls(const json& document, Configuration& into) {
  if (const auto window = document.find("sliding_window"); window != document.end() && window->is_null())
    into.set("use_sliding_window", false);
  for (const char* cap : {"attn_logit_softcapping", "final_logit_softcapping"})
    if (const auto found = document.find(cap); found != document.end() && found->is_null())
      into.set(cap, 0.0);
  if (const auto scaled = document.find("scale_decoder_outputs"); scaled != document.end() && scaled->is_null())
    into.set("scale_decoder_outputs", false);
}

void set_nested(json& into, std::string_view key, json value) {
  const std::size_t dot = key.find('.');
  const std::string name(key.substr(0, dot));
  if (!into.is_object())
    throw std::logic_error("configuration key \"" + std::string(key) + "\" is below a value");
  if (dot != std::string_view::npos)
    return set_nested(into.emplace(name, json::object()).first.value(), key.substr(dot + 1), std::move(value));
  if (!into.emplace(name, std::move(value)).second)
    throw std::logic_error("configuration key \"" + std::string(key) + "\" is a value and a prefix");
}

} // namespace

Configuration parse_configuration(std::string_view text, const std::string& origin) {
  const json document = parse_json(text, origin);
  if (!document.is_object())
    throw DataError(origin + ": is not a JSON object.");
  Configuration configuration(origin);
  flatten(document, "", configuration);
  read_nulls(document, configuration);
  add_both_spellings(configuration);
  return configuration;
}

Configuration read_configuration(const std::filesystem::path& path) {
  return parse_configuration(read_text(path, JsonLimits{}.bytes), path.string());
}

std::string configuration_text(const Configuration& configuration) {
  json document = json::object();
  for (const auto& [key, value] : configuration.values())
    set_nested(document, key, std::visit([](const auto& typed) { return json(typed); }, value));
  return document.dump(2) + "\n";
}

} // namespace cuecard
