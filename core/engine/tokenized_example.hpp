/// An example becomes token rows: template, tuner, tokenizer, in that order.
#pragma once

#include <vector>

#include <cuecard/example.hpp>

#include "batch/assemble.hpp"
#include "engine/method.hpp"

namespace cuecard {

/// The prompts of `example` under `method`, cut to the method's limit and to what the model can hold; one set
/// of them for each of the answers that the verbalizer gives. `learn`: they are for training. `likeness`: see
/// EditArgs.
std::vector<TokenizedPrompt> tokenized(const Method& method, const Model& model, const Example& example,
                                       bool learn = false, const at::Tensor& likeness = {});

/// A prompt as it is, read as `reading` says.
TokenizedPrompt tokenized(const Method& method, const Model& model, const Prompt& prompt,
                          const Reading& reading);

/// The template's prompts without content, edited as the tuner does it.
std::vector<Prompt> blank_prompts(const Method& method);

} // namespace cuecard
