#include "peft/adapter_config.hpp"

#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "files/strict_json.hpp"
#include "peft/config_fields.hpp"
#include "peft/update_config.hpp"

namespace cuecard::peft {

namespace {

using nlohmann::json;

constexpr std::array<std::pair<Type, const char*>, 6> types{
    {{Type::prompt_tuning, "PROMPT_TUNING"},
     {Type::p_tuning, "P_TUNING"},
     {Type::prefix_tuning, "PREFIX_TUNING"},
     {Type::multitask_prompt_tuning, "MULTITASK_PROMPT_TUNING"},
     {Type::lora, "LORA"},
     {Type::ia3, "IA3"}}};
constexpr std::array<std::pair<Task, const char*>, 4> tasks{{{Task::causal_lm, "CAUSAL_LM"},
                                                             {Task::seq_2_seq_lm, "SEQ_2_SEQ_LM"},
                                                             {Task::seq_cls, "SEQ_CLS"},
                                                             {Task::token_cls, "TOKEN_CLS"}}};
/// The labels of an `id2label` object such as {"0": "no", "1": "yes"}; empty when it is malformed.
std::vector<std::string> labels_of(const json* id2label) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; id2label && id2label->is_object() && i < id2label->size(); ++i) {
    const auto found = id2label->find(std::to_string(i));
    if (found == id2label->end() || !found->is_string())
      return {};
    labels.push_back(*found);
  }
  return labels;
}

void read_prompt_fields(AdapterConfig& config, const Fields& fields) {
  const auto virtual_tokens = fields.size("num_virtual_tokens");
  if (!virtual_tokens)
    fields.refuse("num_virtual_tokens", "the number of virtual tokens");
  config.virtual_tokens = *virtual_tokens;
  config.submodules =
      fields.size("num_transformer_submodules").value_or(config.task == Task::seq_2_seq_lm ? 2 : 1);
  if (config.submodules > 2 || (config.submodules == 2 && config.task != Task::seq_2_seq_lm))
    fields.refuse("num_transformer_submodules", config.task == Task::seq_2_seq_lm
                                                    ? "1 or 2"
                                                    : "1, since the model is not an encoder-decoder");
  if (config.type == Type::multitask_prompt_tuning) {
    config.tasks = fields.size("num_tasks").value_or(1);
    config.ranks = fields.size("num_ranks").value_or(1);
  }
  config.layers = fields.size("num_layers");
  config.heads = fields.size("num_attention_heads");
  config.width = fields.size("token_dim");
}

/// Adds the fields of the type's own PEFT configuration class.
void add_fields_of_type(json& object, const AdapterConfig& config) {
  switch (config.type) {
  case Type::prefix_tuning:
    object["prefix_projection"] = false;
    object["encoder_hidden_size"] = *config.width;
    return;
  case Type::p_tuning:
    object["encoder_reparameterization_type"] = "MLP"; // used in training only; the stored prompt is its output
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
  case Type::lora:
  case Type::ia3:
    add_update_fields(object, config);
    return;
  }
}

} // namespace

const char* name_of(Type type) {
  return types.at(static_cast<std::size_t>(type)).second;
}

const char* name_of(Task task) {
  return task == Task::unspecified ? "none" : tasks.at(static_cast<std::size_t>(task)).second;
}

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  names.reserve(std::size(types));
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
  config.type = fields.choice("peft_type", types, "; adapters of other types can't be imported");
  config.task = config.updates_layers() && !fields.find("task_type")
                    ? Task::unspecified
                    : fields.choice("task_type", tasks, ", the task types that a card supports");
  config.peft_version = fields.text("peft_version");
  config.base_model = fields.text("base_model_name_or_path");
  config.modules_to_save = fields.names("modules_to_save");
  config.labels = labels_of(fields.find("id2label"));
  if (config.updates_layers())
    read_update_fields(config, fields, text);
  else
    read_prompt_fields(config, fields);
  return config;
}

std::string adapter_config_text(const AdapterConfig& config) {
  json object{{"auto_mapping", nullptr},
              {"base_model_name_or_path", config.base_model},
              {"inference_mode", true},
              {"modules_to_save", nullptr},
              {"peft_type", name_of(config.type)},
              {"revision", nullptr},
              {"task_type", nullptr}};
  if (config.task != Task::unspecified)
    object["task_type"] = name_of(config.task);
  if (!config.modules_to_save.empty())
    object["modules_to_save"] = config.modules_to_save;
  if (!config.updates_layers())
    object.update({{"num_attention_heads", *config.heads},
                   {"num_layers", *config.layers},
                   {"num_transformer_submodules", config.submodules},
                   {"num_virtual_tokens", config.virtual_tokens},
                   {"token_dim", *config.width}});
  add_fields_of_type(object, config);
  return object.dump(2) + "\n";
}

} // namespace cuecard::peft
