#include "peft/update_config.hpp"

#include <algorithm>
#include <cmath>

#include "peft/name_pattern.hpp"

namespace cuecard::peft {

namespace {

using nlohmann::json;

/// Fields that change what a LoRA adapter computes, and their meaning.
constexpr std::array<std::pair<const char*, const char*>, 11> unsupported{
    {{"use_dora", "weight-decomposed updates (DoRA)"},
     {"lora_bias", "biases of the updates"},
     {"use_qalora", "quantised updates (QALoRA)"},
     {"use_bdlora", "block-diagonal updates"},
     {"kasa_config", "updates weighted by singular values (KaSA)"},
     {"monteclora_config", "sampled updates (MonteCLoRA)"},
     {"layer_replication", "repeated layers"},
     {"alora_invocation_tokens", "updates that begin at invocation tokens (aLoRA)"},
     {"arrow_config", "routing between adapters (Arrow)"},
     {"target_parameters", "updates of parameters outside linear layers"},
     {"trainable_token_indices", "trained token embeddings"}}};

/// Initialisations that leave the model's weights as they are. With others (PiSSA, OLoRA, CorDA, LoftQ) an adapter is
/// the difference to changed weights.
constexpr std::array<const char*, 3> plain_initialisations{"gaussian", "eva", "orthogonal"};

double positive(const json& value, const std::string& name, const Fields& fields) {
  if (!value.is_number() || !(value.get<double>() > 0) || value.get<double>() > 1e9)
    fields.refuse(name, "a number above 0, up to 1e9");
  return value.get<double>();
}

/// The keys of the object `name` in their order in the file, which decides in PEFT.
std::vector<std::string> keys_in_order(std::string_view text, const std::string& name) {
  std::vector<std::string> keys;
  bool inside = false;
  const auto look = [&](int depth, json::parse_event_t event, const json& parsed) {
    if (event != json::parse_event_t::key)
      return true;
    if (depth == 1)
      inside = parsed == json(name);
    else if (depth == 2 && inside)
      keys.push_back(parsed.get<std::string>());
    return true;
  };
  const json read = json::parse(text, look, /*allow_exceptions=*/false);
  return read.is_discarded() ? std::vector<std::string>{} : keys;
}

template <class Value, class Read>
std::vector<std::pair<std::string, Value>> pattern(const std::string& name, const Fields& fields,
                                                   std::string_view text, const Read& read) {
  std::vector<std::pair<std::string, Value>> result;
  const json* object = fields.find(name);
  if (object && !object->is_object())
    fields.refuse(name, "an object with module names");
  if (!object)
    return result;
  for (const std::string& key : keys_in_order(text, name)) {
    if (key.empty() || !NamePattern::parse(key))
      fields.refuse(name, "module names, or regular expressions");
    result.emplace_back(key, read(object->at(key)));
  }
  return result;
}

/// As PEFT (utils/other.py, get_pattern_key): the value of the first key that matches.
template <class Value>
Value in_pattern(const std::vector<std::pair<std::string, Value>>& pattern, const std::string& module,
                 Value otherwise) {
  for (const auto& [key, value] : pattern)
    if (matches_pattern_key(key, module))
      return value;
  return otherwise;
}

void read_lora_fields(AdapterConfig& config, const Fields& fields, std::string_view text) {
  for (const auto& [name, meaning] : unsupported)
    if (fields.is_set(name))
      fields.refuse(name, (fields.find(name)->is_boolean() ? "false" : "none") +
                              std::string(", since a card does not support ") + meaning);
  if (const std::string bias = fields.text("bias"); !bias.empty() && bias != "none")
    fields.refuse("bias", "\"none\", since a card does not support trained biases");
  const json* initial = fields.find("init_lora_weights");
  if (initial && !initial->is_boolean() &&
      std::ranges::none_of(plain_initialisations, [&](const char* name) { return *initial == json(name); }))
    fields.refuse(
        "init_lora_weights",
        "true, since other initialisations may change the model's own weights; convert the adapter to "
        "a plain LoRA with PEFT's path_initial_model_for_weight_conversion");
  config.rank = fields.size("r").value_or(8);
  const json* alpha = fields.find("lora_alpha");
  config.alpha = alpha ? positive(*alpha, "lora_alpha", fields) : 8;
  if (const json* dropout = fields.find("lora_dropout")) {
    if (!dropout->is_number() || !(dropout->get<double>() >= 0 && dropout->get<double>() < 1))
      fields.refuse("lora_dropout", "a number from 0 to below 1");
    config.dropout = dropout->get<double>();
  }
  config.rs_lora = fields.flag("use_rslora");
  config.rank_pattern = pattern<int64_t>("rank_pattern", fields, text, [&](const json& value) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() == 0 ||
        value.get<uint64_t>() > static_cast<uint64_t>(max_size))
      fields.refuse("rank_pattern", "whole numbers from 1 to " + std::to_string(max_size));
    return value.get<int64_t>();
  });
  config.alpha_pattern = pattern<double>("alpha_pattern", fields, text, [&](const json& value) {
    return positive(value, "alpha_pattern", fields);
  });
}

/// PEFT compares in lower case.
bool is_all_linear(const std::string& pattern) {
  constexpr std::string_view name = "all-linear";
  return std::ranges::equal(pattern, name,
                            [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x) == y; });
}

void read_layers(AdapterConfig& config, const Fields& fields) {
  const json* layers = fields.find("layers_to_transform");
  for (const json& layer : !layers ? json::array() : layers->is_array() ? *layers : json::array({*layers})) {
    if (!layer.is_number_unsigned() || layer.get<uint64_t>() > static_cast<uint64_t>(max_size))
      fields.refuse("layers_to_transform", "a layer or a list of layers, counted from 0");
    config.layers_to_transform.push_back(layer.get<int64_t>());
  }
  const json* pattern = fields.find("layers_pattern");
  config.layers_pattern = pattern && pattern->is_string()
                              ? std::vector<std::string>{pattern->get<std::string>()}
                              : fields.names("layers_pattern");
  std::erase(config.layers_pattern, ""); // PEFT: any
}

/// Integral values are written as integers: PEFT declares "lora_alpha" as an integer.
json number(double value) {
  return value == std::floor(value) ? json(static_cast<int64_t>(value)) : json(value);
}

} // namespace

void read_update_fields(AdapterConfig& config, const Fields& fields, std::string_view text) {
  const auto list = [&](const std::string& name, std::string& expression) {
    const json* value = fields.find(name);
    if (!value || !value->is_string())
      return fields.names(name);
    expression = value->get<std::string>();
    return std::vector<std::string>{};
  };
  config.target_modules = list("target_modules", config.target_pattern);
  if (is_all_linear(config.target_pattern))
    config.target_pattern.clear();
  config.excluded_modules = list("exclude_modules", config.excluded_pattern);
  read_layers(config, fields);
  std::string ignored;
  if (config.type == Type::lora)
    read_lora_fields(config, fields, text);
  else
    config.feedforward_modules = list("feedforward_modules", ignored);
}

void add_update_fields(json& object, const AdapterConfig& config) {
  object["target_modules"] = config.target_modules;
  object["fan_in_fan_out"] = false; // read only when an adapter is merged, and set again by PEFT for GPT-2
  if (config.type == Type::ia3) {
    object["feedforward_modules"] = config.feedforward_modules;
    object["init_ia3_weights"] = true;
    return;
  }
  object["r"] = config.rank;
  object["lora_alpha"] = number(config.alpha);
  object["lora_dropout"] = config.dropout;
  object["use_rslora"] = config.rs_lora;
  object["use_dora"] = false;
  object["bias"] = "none";
  object["init_lora_weights"] = true;
  object["rank_pattern"] = json::object();
  for (const auto& [module, rank] : config.rank_pattern)
    object["rank_pattern"][module] = rank;
  object["alpha_pattern"] = json::object();
  for (const auto& [module, alpha] : config.alpha_pattern)
    object["alpha_pattern"][module] = number(alpha);
}

int64_t rank_of(const AdapterConfig& config, const std::string& module) {
  return in_pattern(config.rank_pattern, module, config.rank);
}

double scale_of(const AdapterConfig& config, const std::string& module, int64_t rank) {
  const auto r = static_cast<double>(rank);
  return in_pattern(config.alpha_pattern, module, config.alpha) / (config.rs_lora ? std::sqrt(r) : r);
}

} // namespace cuecard::peft
