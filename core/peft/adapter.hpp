/// A PEFT adapter on disk: `adapter_config.json` and `adapter_model.safetensors`, checked against each other.
/// Nothing here knows a model.
#pragma once

#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/learned.hpp>

#include "peft/adapter_config.hpp"

namespace cuecard::peft {

struct Adapter {
  std::filesystem::path folder;
  AdapterConfig config;
  at::ScalarType dtype = at::kFloat; ///< what `learned` was stored in
  /// float32. `prompt_embeddings`: [P * submodules, width] rows among embeddings, or for a prefix [P, layers *
  /// 2 * width]; of a multitask adapter also `prefix_task_cols` [tasks, P * submodules, ranks] and
  /// `prefix_task_rows` [tasks, ranks, width].
  TensorMap learned;
  /// The classification head by its names in the model: `classifier.weight`, `score.weight`, ...; float32.
  TensorMap head;
  /// Embedding matrices that PEFT put in because the vocabulary had been resized, by their names in the model.
  /// Views of the file in the type that it has; they can be as large as a model.
  TensorMap embeddings;
};

/// Where in `folder` the adapter lies: there, or, as PEFT keeps an adapter with a name of its own, in its only
/// sub-folder that has one. UsageError that names them when there are several.
std::filesystem::path adapter_folder(const std::filesystem::path& folder);

/// Throws DataError: what is missing, unknown, of another shape than the configuration says, no floating-point
/// tensor, or only there as a pickle, which is never read.
Adapter read_adapter(const std::filesystem::path& folder);

/// Writes beside and renames. UsageError when something else than an empty folder has that name.
void write_adapter(const Adapter& adapter, const std::filesystem::path& folder);

/// The same check before the work.
void check_adapter_place(const std::filesystem::path& folder);

} // namespace cuecard::peft
