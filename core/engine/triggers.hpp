/// What AutoPrompt asks of the engine: how the loss changes with the tokens in trigger slots.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/tuner.hpp>

#include "engine/counters.hpp"
#include "engine/method.hpp"
#include "engine/training_rows.hpp"

namespace cuecard {

/// Engine::trigger_gradient: trigger slots become soft slots that hold their tokens' embeddings.
at::Tensor trigger_gradient(const Model& model, const Method& method, const CountedBackbone& backbone,
                            const Batch& batch, const Conditioning& conditioning);

/// Engine::trigger_scores: every example of `batch` with every candidate, packed in few passes of at most
/// `batch_tokens` rows. On causal models what stands in front of the slot is laid once per example, and the
/// text in front of the first slot comes from the rows' cache.
TriggerScores trigger_scores(const Model& model, const Method& method, const CountedBackbone& backbone,
                             TrainingRows& rows, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                             const Conditioning& conditioning, int64_t batch_tokens);

} // namespace cuecard
