/// A loaded language model: backbone, vocabulary, identity.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/component_state.hpp>
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
  MatrixForm matrices = MatrixForm::converted;
};

/// One frozen model in memory, shared by all cards. The identity is computed on first use.
class Model {
public:
  /// Opens a folder in the Hugging Face layout or a GGUF file, and creates the backbone that handles its
  /// "model_type".
  static Model load(const std::filesystem::path& path, const registry::Registry& plugins,
                    const ModelSettings& settings);

  /// Error if the model was opened without weights.
  const Backbone& backbone() const;
  /// The component that creates it.
  const registry::Entry& backbone_maker() const { return *maker_; }
  const BackboneShape& shape() const { return shape_; }
  /// Its tokenizer; a text with a token that its embedding table lacks is a DataError (covered_vocabulary).
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  const ModelFiles& files() const { return files_; }
  const ModelIdentity& identity() const { return files_.identity(); }
  const ModelSettings& settings() const { return settings_; }
  /// Warnings about settings that are read differently than the files say, and about tensors that are not read.
  const std::vector<std::string>& warnings() const { return files_.warnings; }
  /// The layout of its prompts, with answer slots as output positions.
  PromptLayout prompt_layout() const;

  /// The model with the weights of the same names replaced by `weights`; all others are shared, stored matrices too.
  /// UsageError unless its `dtype` is float32.
  std::shared_ptr<const Backbone> with(const TensorMap& weights) const;

private:
  ModelFiles files_;
  std::shared_ptr<Backbone> make_backbone(const Weights& weights) const;

  std::shared_ptr<const registry::Entry> maker_; ///< the component that creates the backbone
  std::shared_ptr<Backbone> backbone_;           ///< null when opened without weights
  BackboneShape shape_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  ModelSettings settings_;
};

} // namespace cuecard
