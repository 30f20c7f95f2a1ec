/// An example becomes token rows: template, tuner, tokenizer, in that order.
#pragma once

#include <vector>

#include <cuecard/example.hpp>

#include "batch/assemble.hpp"
#include "engine/method.hpp"

namespace cuecard {

/// The prompts of `example` under `method`, cut to the method's limit and to what the model can hold.
std::vector<TokenizedPrompt> tokenized(const Method& method, const Model& model, const Example& example);

/// The same for the template's content-free prompt.
TokenizedPrompt tokenized_blank(const Method& method, const Model& model);

} // namespace cuecard
