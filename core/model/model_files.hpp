/// A model on disk: a directory in Hugging Face layout (config.json, tokenizer.json or its
/// predecessors, model.safetensors or shards with an index), or one GGUF file.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/configuration.hpp>
#include <cuecard/vocabulary.hpp>

#include "model/generation_settings.hpp"
#include "model/model_identity.hpp"
#include "model/model_weights.hpp"

namespace cuecard {

struct OpenModel {
  bool weights = true; ///< false: only configuration and vocabulary; weights need not exist
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
  MatrixForm matrices = MatrixForm::converted;
};

/// Threads: const use from any thread. Copies share their data.
struct ModelFiles {
  std::filesystem::path path;
  Configuration configuration;
  std::shared_ptr<const ModelWeights> weights; ///< null when opened without weights
  std::shared_ptr<const Vocabulary> vocabulary;
  std::vector<std::string> warnings; ///< about settings that are read differently than the files say

  /// Hashes the weights on the first call (cached across runs, see cached_sha256_of_file).
  const ModelIdentity& identity() const;

  struct LazyIdentity;
  std::shared_ptr<LazyIdentity> lazy_identity;

  UnusedSettings unused_settings = {}; ///< of generation; none of a GGUF file
};

/// Reads configuration and tokenizer, maps the weight files and checks their headers, without reading any
/// weights. Throws DataError.
ModelFiles open_model(const std::filesystem::path& directory_or_gguf, const OpenModel& options = {});

} // namespace cuecard
