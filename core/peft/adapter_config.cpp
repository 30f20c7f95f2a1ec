#include "peft/adapter_config.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "model/strict_json.hpp"

namespace cuecard::peft {

namespace {

using nlohmann::json;

constexpr std::array<std::pair<Type, const char*>, 4> types{
    {{Type::prompt_tuning, "PROMPT_TUNING"},
     {Type::p_tuning, "P_TUNING"},
     {Type::prefix_tuning, "PREFIX_TUNING"},
     {Type::multitask_prompt_tuning, "MULTITASK_PROMPT_TUNING"}}};
constexpr std::array<std::pair<Task, const char*>, 4> tasks{{{Task::causal_lm, "CAUSAL_LM"},
                                                             {Task::seq_2_seq_lm, "SEQ_2_SEQ_LM"},
                                                             {Task::seq_cls, "SEQ_CLS"},
                                                             {Task::token_cls, "TOKEN_CLS"}}};
constexpr int64_t most = 10'000'000; ///< of any size in the file

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 77) + "..." : text;
}

/// The file's fields; one that is null counts as one that is not there, as for PEFT.
class Fields {
public:
  Fields(const json& object, std::string origin) : object_(object), origin_(std::move(origin)) {
    if (!object_.is_object())
      throw DataError(origin_ + ": is not a JSON object.");
  }

  [[noreturn]] void refuse(const std::string& name, const std::string& expected) const {
    const json* value = find(name);
    throw DataError(origin_ + ": " +
                    (value ? "\"" + name + "\" is " + shown(*value) : "lacks \"" + name + "\"") +
                    "; expected " + expected + ".");
  }

  const json* find(const std::string& name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::string text(const std::string& name) const {
    const json* value = find(name);
    if (value && !value->is_string())
      refuse(name, "a text");
    return value ? value->get<std::string>() : "";
  }

  std::optional<int64_t> size(const std::string& name) const {
    const json* value = find(name);
    if (!value)
      return std::nullopt;
    if (!value->is_number_unsigned() || value->get<uint64_t>() == 0 ||
        value->get<uint64_t>() > static_cast<uint64_t>(most))
      refuse(name, "a whole number from 1 to " + std::to_string(most));
    return value->get<int64_t>();
  }

  template <class Value, std::size_t n>
  Value choice(const std::string& name, const std::array<std::pair<Value, const char*>, n>& choices,
               const std::string& why) const {
    const std::string found = text(name);
    std::string expected;
    for (std::size_t i = 0; i < n; ++i) {
      if (found == choices[i].second)
        return choices[i].first;
      expected += (i == 0 ? "" : i + 1 < n ? ", " : " or ") + std::string(choices[i].second);
    }
    refuse(name, expected + why);
  }

  std::vector<std::string> names(const std::string& name) const {
    std::vector<std::string> result;
    const json* value = find(name);
    if (value && !value->is_array())
      refuse(name, "a list of names");
    for (const json& item : value ? *value : json::array()) {
      if (!item.is_string())
        refuse(name, "a list of names");
      if (std::find(result.begin(), result.end(), item) == result.end())
        result.push_back(item);
    }
    return result;
  }

private:
  const json& object_;
  std::string origin_;
};

/// {"0": "no", "1": "yes"} as a list, when it is one.
std::vector<std::string> labels_of(const json* names) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; names && names->is_object() && i < names->size(); ++i) {
    const auto found = names->find(std::to_string(i));
    if (found == names->end() || !found->is_string())
      return {};
    labels.push_back(*found);
  }
  return labels;
}

/// What the type's own configuration class has besides the common fields.
void add_fields_of_type(json& object, const AdapterConfig& config) {
  switch (config.type) {
  case Type::prefix_tuning:
    object["prefix_projection"] = false;
    object["encoder_hidden_size"] = *config.width;
    return;
  case Type::p_tuning:
    object["encoder_reparameterization_type"] = "MLP"; // of training; what is stored has gone through it
    object["encoder_hidden_size"] = *config.width;
    object["encoder_num_layers"] = 2;
    object["encoder_dropout"] = 0.0;
    return;
  case Type::multitask_prompt_tuning:
    object["num_tasks"] = config.tasks;
    object["num_ranks"] = config.ranks;
    object["prompt_tuning_init_state_dict_path"] = nullptr;
    object["prompt_tuning_init_task"] = 0;
    [[fallthrough]];
  case Type::prompt_tuning:
    object["prompt_tuning_init"] = "RANDOM";
    object["prompt_tuning_init_text"] = nullptr;
    object["tokenizer_name_or_path"] = nullptr;
    object["tokenizer_kwargs"] = nullptr;
    return;
  }
}

} // namespace

const char* name_of(Type type) {
  return types.at(static_cast<std::size_t>(type)).second;
}

const char* name_of(Task task) {
  return tasks.at(static_cast<std::size_t>(task)).second;
}

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  for (const auto& [type, name] : types)
    names.emplace_back(name);
  return names;
}

std::optional<Type> type_of(std::string_view name) {
  for (const auto& [type, known] : types)
    if (name == known)
      return type;
  return std::nullopt;
}

AdapterConfig parse_adapter_config(std::string_view text, const std::string& origin) {
  const json document = parse_json(text, origin);
  const Fields fields(document, origin);
  AdapterConfig config;
  config.type = fields.choice("peft_type", types, "; other adapters change weights, which can't be imported");
  config.task = fields.choice("task_type", tasks, ", the tasks under which PEFT's prompts fit a card");
  config.peft_version = fields.text("peft_version");
  config.base_model = fields.text("base_model_name_or_path");
  const auto virtual_tokens = fields.size("num_virtual_tokens");
  if (!virtual_tokens)
    fields.refuse("num_virtual_tokens", "how many rows were learned");
  config.virtual_tokens = *virtual_tokens;
  config.submodules =
      fields.size("num_transformer_submodules").value_or(config.task == Task::seq_2_seq_lm ? 2 : 1);
  if (config.submodules > 2 || (config.submodules == 2 && config.task != Task::seq_2_seq_lm))
    fields.refuse("num_transformer_submodules",
                  config.task == Task::seq_2_seq_lm ? "1 or 2" : "1, since the model has one stack");
  if (config.type == Type::multitask_prompt_tuning) {
    config.tasks = fields.size("num_tasks").value_or(1);
    config.ranks = fields.size("num_ranks").value_or(1);
  }
  config.layers = fields.size("num_layers");
  config.heads = fields.size("num_attention_heads");
  config.width = fields.size("token_dim");
  config.saved = fields.names("modules_to_save");
  config.labels = labels_of(fields.find("id2label"));
  return config;
}

std::string adapter_config_text(const AdapterConfig& config) {
  json object{{"auto_mapping", nullptr},
              {"base_model_name_or_path", config.base_model},
              {"inference_mode", true},
              {"modules_to_save", nullptr},
              {"num_attention_heads", *config.heads},
              {"num_layers", *config.layers},
              {"num_transformer_submodules", config.submodules},
              {"num_virtual_tokens", config.virtual_tokens},
              {"peft_type", name_of(config.type)},
              {"revision", nullptr},
              {"task_type", name_of(config.task)},
              {"token_dim", *config.width}};
  if (!config.saved.empty())
    object["modules_to_save"] = config.saved;
  add_fields_of_type(object, config);
  return object.dump(2) + "\n";
}

} // namespace cuecard::peft
