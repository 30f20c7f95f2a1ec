/// The trained state of a component: what a card stores of it.
#pragma once

#include <map>
#include <string>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// Tensors by name.
using TensorMap = std::map<std::string, at::Tensor>;

/// `tensors` are saved in the card's `card.safetensors`, as `tuner.NAME`, `verbalizer.NAME` or `template.NAME`; `texts` in its
/// `card.json`. Texts are for human-readable or non-numeric data: demonstrations, trigger tokens, label words.
///
/// Tensors may have any shape and any dtype of safetensors, and be on any device; values must be finite. Names may be any UTF-8.
/// The tensors that `load_state` gets from a card are on the CPU, contiguous, and own their memory. `state_of` and `copy_state`
/// (parts/training/named_tensors.hpp) fill and read it; they take a list of pairs, not a TensorMap.
struct ComponentState {
  TensorMap tensors;
  std::map<std::string, std::string> texts = {};

  /// Whether there is nothing to save.
  bool empty() const { return tensors.empty() && texts.empty(); }
};

} // namespace cuecard
