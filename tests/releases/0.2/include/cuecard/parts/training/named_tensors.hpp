/// A component's trained tensors as the state that a card stores. Functions of this file may be called from several threads at once,
/// `copy_state` while nothing else uses `tensors`.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/component_state.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Defined tensors with their names in a card, in any order (ComponentState::tensors is a map).
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// A shape for messages: "2 x 3", "a scalar" for no dimensions.
CUECARD_API std::string sizes_of(at::IntArrayRef sizes);
/// The shape of `tensor`; "nothing" for an undefined one.
CUECARD_API std::string sizes_of(const at::Tensor& tensor);

/// The tensors under their names, detached; they share memory with `tensors`.
CUECARD_API ComponentState state_of(const NamedTensors& tensors);

/// Copies the state's tensors into `tensors`, in place and without a gradient; each keeps its dtype and device. DataError if one is
/// missing, has another shape or holds integers; then nothing is copied. State tensors that `tensors` does not name are ignored.
///
/// `misfit` is the part of the message between "the card's" and the colon, a noun with its verb in lower case and without a full stop: with
/// "soft prompt doesn't fit" and a tensor `prompt` of 20 x 64, the message is
///
///     the card's soft prompt doesn't fit: expected a tensor "prompt" of 20 x 64, found one of 10 x 64.
CUECARD_API void copy_state(const NamedTensors& tensors, const ComponentState& state,
                            const std::string& misfit);

} // namespace cuecard
