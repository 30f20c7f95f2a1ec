/// A loaded language model: backbone, vocabulary, identity.
#pragma once

#include <filesystem>
#include <memory>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/learned.hpp>
#include <cuecard/template.hpp>
#include <cuecard/vocabulary.hpp>

#include "model/model_files.hpp"

namespace cuecard {

namespace registry {
class Registry;
struct Entry;
} // namespace registry

struct ModelSettings {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  bool weights = true; ///< false: shape and vocabulary only (`render`, `model info`)
};

/// One frozen model in memory; every card refers to it. The identity is computed on first use.
class Model {
public:
  /// Opens a folder in Hugging Face's layout or a GGUF file and has the backbone plugin for its "model_type"
  /// built.
  static Model load(const std::filesystem::path& path, const registry::Registry& plugins,
                    const ModelSettings& settings);

  const Backbone& backbone() const { return *backbone_; }
  const Vocabulary& vocabulary() const { return *files_.vocabulary; }
  const ModelFiles& files() const { return files_; }
  const ModelIdentity& identity() const { return files_.identity(); }
  const ModelSettings& settings() const { return settings_; }
  PromptTarget prompt_target() const;

  /// The model with `weights` in place of those of the same names (float32, else UsageError); all others are
  /// shared.
  std::shared_ptr<const Backbone> with(const TensorMap& weights) const;

private:
  ModelFiles files_;
  std::shared_ptr<Backbone> make_backbone(const Weights* weights) const;

  std::shared_ptr<const registry::Entry> maker_; ///< the component that the backbone is made by
  std::shared_ptr<Backbone> backbone_;
  ModelSettings settings_;
};

} // namespace cuecard
