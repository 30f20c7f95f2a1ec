/// Converts between PEFT's tensor layouts and the soft prompts and prefixes of `Conditioning`.
///
/// PEFT's virtual tokens always count towards position ids: a soft prompt precedes the whole input, including
/// `[CLS]` and `<s>` (peft_model.py, `forward` of each task), and a prefix is a KV cache of length P, from
/// which models derive the position of the first token.
#pragma once

#include <cstdint>
#include <string>

#include <cuecard/backbone.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/configuration.hpp>

#include "peft/adapter.hpp"

namespace cuecard::peft {

/// A soft prompt [P, embedding width], or one prefix at the site `self`. `task` selects the task of a multitask
/// adapter. Throws DataError with the file and both sizes when the adapter does not fit the model, and
/// UsageError for an unknown task.
Conditioning conditioning_of(const Adapter& adapter, const BackboneShape& shape, int64_t task);

/// Ratio between PEFT's virtual tokens and those of a card: 1, except in models that multiply word embeddings
/// by the square root of their width (BART's "scale_embedding"). PEFT inserts virtual tokens after that
/// multiplication, a card before it.
double embedding_scale(const Configuration& configuration, const BackboneShape& shape);

/// Sets the prompt tensors of `adapter` and the sizes in its configuration from a soft prompt [P, width]. A
/// multitask adapter gets a single task, whose factors are ones.
void store_soft_prompt(Adapter& adapter, const at::Tensor& virtual_tokens, const BackboneShape& shape);

/// Likewise from a prefix. Returns why PEFT can't represent it, or an empty string.
std::string store_prefix(Adapter& adapter, const Prefix& prefix, const BackboneShape& shape);

} // namespace cuecard::peft
