/// Tensor names of BERT checkpoints in all the spellings that Hugging Face accepts: with and without `bert.` in
/// front, and `LayerNorm.gamma`, `LayerNorm.beta` for what later became `weight`, `bias`.
#pragma once

#include <map>
#include <string>

#include <cuecard/weights.hpp>

namespace cuecard::bert {

class Checkpoint {
public:
  /// `taken` receives every tensor that is asked for, by its name in the checkpoint.
  Checkpoint(const Weights& source, std::map<std::string, at::Tensor>& taken);

  /// A tensor by its newest name without `bert.`; for heads (`cls.`) the name is whole.
  bool has(const std::string& name) const;
  at::Tensor get(const std::string& name, at::IntArrayRef shape);

private:
  std::string spelled(const std::string& name) const;

  const Weights& source_;
  std::map<std::string, at::Tensor>& taken_;
  bool prefixed_;
};

} // namespace cuecard::bert
