/// Word embeddings of a packed side, with trained embeddings for soft slots. All tensors are on the backbone's device. Functions of this
/// file may be called from several threads at once.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// [T] int64: side.ids, with the tokens at side.trigger_tokens taken from conditioning.triggers, if defined.
CUECARD_API at::Tensor ids_of(const Side& side, const BatchConditioning& conditioning);

/// [T, W] in the table's dtype: rows of `table` [vocabulary, W] for `ids_of(side)`, and at side.soft_tokens the rows side.soft_slots of
/// conditioning.embeddings. Rows of ordinary tokens are multiplied by `scale`, those of soft tokens are not. Differentiable in the
/// embeddings, and in a table that requires gradients. Error for soft tokens without embeddings. Late soft tokens get the embedding of
/// their id, which is never used: ForwardPass::enter replaces it.
CUECARD_API at::Tensor embed_tokens(const at::Tensor& table, const Side& side,
                                    const BatchConditioning& conditioning, double scale = 1);

} // namespace cuecard
