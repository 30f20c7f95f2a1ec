/// A PEFT adapter folder: `adapter_config.json` and `adapter_model.safetensors`, validated against each other
/// but not against a model.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/component_state.hpp>

#include "peft/adapter_config.hpp"

namespace cuecard::peft {

struct Adapter {
  std::filesystem::path folder;
  AdapterConfig config;
  at::ScalarType dtype = at::kFloat; ///< stored dtype of `prompt_embeddings`, or of the module tensors
  /// float32. `prompt_embeddings`: virtual tokens [P * submodules, width], or for prefix tuning [P, layers * 2
  /// * width]. Multitask prompt tuning adds `prefix_task_cols` [tasks, P * submodules, ranks] and
  /// `prefix_task_rows` [tasks, ranks, width].
  TensorMap prompt_tensors;
  /// Of LoRA and (IA)^3 by the modules of transformers' classes, float32: `MODULE.lora_A` [r, in], `MODULE.lora_B`
  /// [out, r]; `MODULE.ia3_l` [out, 1] or [1, in].
  TensorMap module_tensors;
  /// Modules of LoRA and (IA)^3 that the file has tensors for and `target_modules` does not name: left out, as PEFT does.
  std::vector<std::string> ignored_modules;
  /// The classification head by the model's tensor names (`classifier.weight`, `score.weight`, ...), float32.
  TensorMap head;
  /// Embedding matrices that PEFT saved because the vocabulary was resized, by the model's tensor names. Views
  /// of the mapped file in its dtype; they can be as large as a model.
  TensorMap embeddings;
};

/// The folder that contains the adapter: `folder`, or its only subfolder with an adapter (PEFT saves a named
/// adapter in a subfolder). Throws UsageError with their names when there are several.
std::filesystem::path adapter_folder(const std::filesystem::path& folder);

/// Throws DataError for missing or unknown tensors, shapes that contradict the configuration, tensors that are
/// not floating-point, and adapters saved as a pickle, which is never loaded.
Adapter read_adapter(const std::filesystem::path& folder);

/// Written atomically. Throws UsageError when `folder` exists and is not an empty folder (`require_free_place`).
void write_adapter(const Adapter& adapter, const std::filesystem::path& folder);

} // namespace cuecard::peft
