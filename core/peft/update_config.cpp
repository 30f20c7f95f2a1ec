#include "peft/update_config.hpp"

#include <cmath>
#include <string_view>

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

/// PEFT's patterns are regular expressions, but in the files that it writes they are always module names, so a '.' is
/// read as a dot.
template <class Value, class Read>
std::map<std::string, Value> pattern(const std::string& name, const Fields& fields, const Read& read) {
  std::map<std::string, Value> result;
  const json* object = fields.find(name);
  if (object && !object->is_object())
    fields.refuse(name, "an object with module names");
  if (!object)
    return result;
  for (const auto& [key, value] : object->items()) {
    std::string module;
    for (std::size_t i = 0; i < key.size(); ++i)
      if (key[i] != '\\' || key[i + 1] != '.')
        module += key[i];
    if (module.find_first_of("*+?()[]{}|$\\") != std::string::npos || module.empty())
      fields.refuse(name, "module names, not other regular expressions");
    result[module] = read(value);
  }
  return result;
}

/// Whether PEFT's pattern key `key`, a whole name after '^', is the module's name or its end after a dot.
bool matches(std::string_view key, std::string_view module) {
  if (key.starts_with('^'))
    return key.substr(1) == module;
  return module == key || (module.ends_with(key) && module[module.size() - key.size() - 1] == '.');
}

/// PEFT takes the first key of the file that matches. That order is lost here, so all that match must agree.
template <class Value>
Value in_pattern(const std::map<std::string, Value>& pattern, const std::string& name,
                 const std::string& module, Value otherwise) {
  std::optional<Value> found;
  for (const auto& [key, value] : pattern)
    if (matches(key, module)) {
      if (found && *found != value)
        throw DataError("adapter_config.json: \"" + name + "\" has several values for the module \"" + module +
                        "\"; expected one.");
      found = value;
    }
  return found.value_or(otherwise);
}

void read_lora_fields(AdapterConfig& config, const Fields& fields) {
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
  config.rank_pattern = pattern<int64_t>("rank_pattern", fields, [&](const json& value) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() == 0 ||
        value.get<uint64_t>() > static_cast<uint64_t>(max_size))
      fields.refuse("rank_pattern", "whole numbers from 1 to " + std::to_string(max_size));
    return value.get<int64_t>();
  });
  config.alpha_pattern = pattern<double>(
      "alpha_pattern", fields, [&](const json& value) { return positive(value, "alpha_pattern", fields); });
}

/// Integral values are written as integers: PEFT declares "lora_alpha" as an integer.
json number(double value) {
  return value == std::floor(value) ? json(static_cast<int64_t>(value)) : json(value);
}

} // namespace

void read_update_fields(AdapterConfig& config, const Fields& fields) {
  const auto list = [&](const std::string& name) {
    const json* value = fields.find(name);
    return value && value->is_string() ? std::vector<std::string>{}
                                       : fields.names(name); // a regular expression or all-linear
  };
  config.target_modules = list("target_modules");
  if (config.type == Type::lora)
    read_lora_fields(config, fields);
  else
    config.feedforward_modules = list("feedforward_modules");
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
  object["rank_pattern"] = config.rank_pattern;
  object["alpha_pattern"] = json::object();
  for (const auto& [module, alpha] : config.alpha_pattern)
    object["alpha_pattern"][module] = number(alpha);
}

int64_t rank_of(const AdapterConfig& config, const std::string& module) {
  return in_pattern(config.rank_pattern, "rank_pattern", module, config.rank);
}

double scale_of(const AdapterConfig& config, const std::string& module, int64_t rank) {
  const auto r = static_cast<double>(rank);
  return in_pattern(config.alpha_pattern, "alpha_pattern", module, config.alpha) /
         (config.rs_lora ? std::sqrt(r) : r);
}

} // namespace cuecard::peft
