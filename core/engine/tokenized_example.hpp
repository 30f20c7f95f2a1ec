/// From an example to token ids: template, tuner, tokenizer, in that order.
#pragma once

#include <vector>

#include <cuecard/example.hpp>

#include "batch/assemble.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

/// The longest prompt, in tokens, that the model takes beside the pipeline's prefixes; 0: no limit.
int64_t longest_prompt(const TaskPipeline& pipeline, const Model& model);

/// What truncation removed from an example with these prompts.
CutTokens cut_of(const std::vector<TokenizedPrompt>& prompts);

/// The prompts of `example`, truncated to the pipeline's limit and to the model's number of positions; one set
/// of prompts for each answer that the verbalizer gives. `training` and `representation`: see EditArgs.
std::vector<TokenizedPrompt> tokenized(const TaskPipeline& pipeline, const Model& model, const Example& example,
                                       bool training = false, const at::Tensor& representation = {});

/// A prompt as it is, with the tokens `positions` selected.
TokenizedPrompt tokenized(const TaskPipeline& pipeline, const Model& model, const Prompt& prompt,
                          const OutputPositions& positions);

/// The template's prompts without content, as edited by the tuner.
std::vector<Prompt> blank_prompts(const TaskPipeline& pipeline);

} // namespace cuecard
