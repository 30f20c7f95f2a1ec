/// What a component learned or found, as a card keeps it.
#pragma once

#include <map>
#include <string>

#include <ATen/core/Tensor.h>

namespace cuecard {

using TensorMap = std::map<std::string, at::Tensor>;

/// Texts are for what people read and what isn't numbers: demonstrations, triggers, label words.
struct Learned {
  TensorMap tensors;
  std::map<std::string, std::string> texts = {};

  bool empty() const { return tensors.empty() && texts.empty(); }
};

} // namespace cuecard
