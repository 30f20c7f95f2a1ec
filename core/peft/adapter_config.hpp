/// `adapter_config.json` of PEFT's prompt-learning adapters, LoRA and (IA)^3: adapter type, tensor sizes and
/// scales (peft 0.21.2: config.py and tuners/*/config.py). Fields that do not change what an adapter computes are
/// ignored for compatibility with newer versions; older files lack some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cuecard::peft {

enum class Type { prompt_tuning, p_tuning, prefix_tuning, multitask_prompt_tuning, lora, ia3 };
/// `unspecified`: null, which PEFT allows for LoRA and (IA)^3; the model's own class is used as it is.
enum class Task { causal_lm, seq_2_seq_lm, seq_cls, token_cls, unspecified };

/// PEFT's spelling: "PROMPT_TUNING", "CAUSAL_LM"; "none" for an unspecified task.
const char* name_of(Type type);
const char* name_of(Task task);
std::vector<std::string> type_names();
std::optional<Type> type_of(std::string_view name);

struct AdapterConfig {
  Type type = Type::prompt_tuning;
  Task task = Task::causal_lm;
  std::string peft_version;      ///< "" in older files
  std::string base_model;        ///< "base_model_name_or_path"; "" when missing
  int64_t virtual_tokens = 0;    ///< "num_virtual_tokens", P
  int64_t submodules = 1;        ///< 2: separate virtual tokens for encoder and decoder
  int64_t tasks = 1, ranks = 1;  ///< of multitask prompt tuning
  std::optional<int64_t> layers; ///< "num_layers"
  std::optional<int64_t> heads;  ///< "num_attention_heads"; prefix tuning: key-value heads
  std::optional<int64_t> width;  ///< "token_dim": embedding width; prefix tuning: width of all key-value heads
  std::vector<std::string> modules_to_save; ///< without duplicates
  std::vector<std::string> labels;          ///< "id2label"; often missing

  // Of LoRA. Keys of the patterns are regular expressions of module names, whole or of their ends (matches_pattern_key), in the order of
  // the file: the first that matches counts.
  int64_t rank = 0;                                          ///< "r"
  double alpha = 0, dropout = 0;                             ///< "lora_alpha", "lora_dropout"
  bool rs_lora = false;                                      ///< "use_rslora"
  std::vector<std::pair<std::string, int64_t>> rank_pattern; ///< ranks of single modules
  std::vector<std::pair<std::string, double>> alpha_pattern;
  // Of LoRA and (IA)^3. Which modules PEFT updates (is_target); a pattern replaces the list. Empty lists: every module that has tensors.
  std::vector<std::string> target_modules, excluded_modules, layers_pattern;
  std::string target_pattern, excluded_pattern;
  std::vector<int64_t> layers_to_transform;
  std::vector<std::string> feedforward_modules; ///< only written: the tensors' shapes tell

  bool has_prefix() const { return type == Type::prefix_tuning; }
  bool updates_layers() const { return type == Type::lora || type == Type::ia3; }
  bool has_soft_prompt() const { return !has_prefix() && !updates_layers(); }
  bool has_head() const { return task == Task::seq_cls || task == Task::token_cls; }
};

/// Throws DataError with `origin`, the field, the value found and the value expected; also for adapter and task
/// types that a card does not support.
AdapterConfig parse_adapter_config(std::string_view json, const std::string& origin);

/// The JSON text for PEFT, with keys sorted and indented as PEFT writes them.
std::string adapter_config_text(const AdapterConfig& config);

} // namespace cuecard::peft
