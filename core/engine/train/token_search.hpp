/// The engine's TokenSearch extension: how the loss changes with the tokens in trigger slots.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/extensions/token_search.hpp>

#include "engine/counters.hpp"
#include "engine/task_pipeline.hpp"
#include "engine/train/training_set.hpp"

namespace cuecard {

/// TokenSearch::gradient: trigger slots become soft slots that hold the embeddings of their tokens.
at::Tensor trigger_gradient(const Model& model, const TaskPipeline& pipeline, const CountedBackbone& backbone,
                            const Batch& batch, const Conditioning& conditioning);

/// TokenSearch::scores: every example of `batch` with every candidate, packed into few passes of at most
/// `batch_tokens` tokens. On causal models the text before the slot is packed once per example, and the text
/// before the first slot comes from the cache of `examples`.
CandidateScores candidate_scores(const Model& model, const TaskPipeline& pipeline,
                                 const CountedBackbone& backbone, TrainingSet& examples, const Batch& batch,
                                 int64_t slot, const at::Tensor& candidates, const Conditioning& conditioning,
                                 int64_t batch_tokens);

} // namespace cuecard
