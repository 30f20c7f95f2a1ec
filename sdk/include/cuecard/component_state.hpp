/// The trained state of a component: what a card stores of it.
#pragma once

#include <map>
#include <string>

#include <ATen/core/Tensor.h>

namespace cuecard {

using TensorMap = std::map<std::string, at::Tensor>;

/// `tensors` are saved in the card's `card.safetensors`, `texts` in its `card.json`. Texts are for what people read or what is
/// not numeric: demonstrations, trigger tokens, label words.
struct ComponentState {
  TensorMap tensors;
  std::map<std::string, std::string> texts = {};

  bool empty() const { return tensors.empty() && texts.empty(); }
};

} // namespace cuecard
