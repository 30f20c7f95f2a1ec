/// Initial values of virtual tokens: embeddings of words, or their hidden states at some layer.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include <cuecard/tuner.hpp>

namespace cuecard {

/// Word embeddings of tokens drawn from the first 5,000 that are not special (Lester et al. 2021, section 3.2,
/// "sampled vocabulary"), distinct as long as there are enough: [count, embedding width] float32 on the
/// backbone's device.
at::Tensor sampled_embeddings(int64_t count, const Problem& problem);

/// Hidden states of such tokens after `layers` layers: [count, hidden] float32 on the backbone's device. They
/// are taken from random sequences without the first token, whose states are far from all others in many
/// models.
at::Tensor sampled_hidden_states(int64_t count, int64_t layers, const Problem& problem);

} // namespace cuecard
