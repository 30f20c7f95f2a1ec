/// `adapter_config.json` of PEFT's prompt-learning adapters: what kind of adapter it is and the sizes of its
/// tensors (peft 0.21.2: config.py and tuners/*/config.py). Fields that are not named here are ignored, so that
/// newer files are read; older ones lack some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cuecard::peft {

enum class Type { prompt_tuning, p_tuning, prefix_tuning, multitask_prompt_tuning };
enum class Task { causal_lm, seq_2_seq_lm, seq_cls, token_cls };

/// As the file spells them: "PROMPT_TUNING", "CAUSAL_LM".
const char* name_of(Type type);
const char* name_of(Task task);
std::vector<std::string> type_names();
std::optional<Type> type_of(std::string_view name);

struct AdapterConfig {
  Type type = Type::prompt_tuning;
  Task task = Task::causal_lm;
  std::string peft_version;      ///< "" in older files
  std::string base_model;        ///< "base_model_name_or_path"; "" when the file names none
  int64_t virtual_tokens = 0;    ///< P
  int64_t submodules = 1;        ///< 2: PEFT keeps rows for encoder and decoder
  int64_t tasks = 1, ranks = 1;  ///< of a multitask adapter
  std::optional<int64_t> layers; ///< "num_layers"
  std::optional<int64_t> heads;  ///< "num_attention_heads": of keys and values, in a prefix
  std::optional<int64_t> width; ///< "token_dim": of all those heads together, in a prefix; else of an embedding
  std::vector<std::string> saved;  ///< "modules_to_save", each once
  std::vector<std::string> labels; ///< "id2label", which some files have; else empty

  bool has_prefix() const { return type == Type::prefix_tuning; }
  bool has_head() const { return task == Task::seq_cls || task == Task::token_cls; }
};

/// DataError that names `origin` and the field, what was found and what was expected; so is a type or a task
/// that no card can hold.
AdapterConfig parse_adapter_config(std::string_view json, const std::string& origin);

/// The text that PEFT reads, its keys sorted and indented as PEFT writes them.
std::string adapter_config_text(const AdapterConfig& config);

} // namespace cuecard::peft
