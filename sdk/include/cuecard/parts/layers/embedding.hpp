/// Word embeddings of a packed side, with trained embeddings for soft slots.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// [T] side.ids, those at side.trigger_tokens taken from conditioning.triggers where there are any.
CUECARD_API at::Tensor ids_of(const Side& side, const BatchConditioning& conditioning);

/// [T, W] in the table's dtype: rows of `table` [vocabulary, W] for `ids_of(side)`, and at side.soft_tokens the rows side.soft_slots of conditioning.embeddings.
/// Words' rows are multiplied by `scale`, soft tokens' are not. Differentiable in the embeddings; soft tokens without embeddings are an Error. Late soft tokens get the embedding of their id,
/// which nothing sees: ForwardPass::enter replaces it.
CUECARD_API at::Tensor embed_tokens(const at::Tensor& table, const Side& side,
                                    const BatchConditioning& conditioning, double scale = 1);

} // namespace cuecard
