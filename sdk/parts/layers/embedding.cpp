#include <cuecard/parts/layers/embedding.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

namespace cuecard {

at::Tensor ids_of(const Side& side, const BatchConditioning& conditioning) {
  if (!conditioning.triggers.defined() || !side.trigger_tokens.defined() || side.trigger_tokens.size(0) == 0)
    return side.ids;
  return side.ids.index_copy(0, side.trigger_tokens, conditioning.triggers.index_select(0, side.trigger_slots));
}

at::Tensor embed_tokens(const at::Tensor& table, const Side& side, const BatchConditioning& conditioning,
                        double scale) {
  const at::Tensor rows = matrix_rows(table, ids_of(side, conditioning));
  const at::Tensor words = scale == 1 ? rows : rows * scale;
  const at::Tensor& soft = conditioning.embeddings;
  if (!side.soft_tokens.defined() || side.soft_tokens.size(0) == 0)
    return words;
  if (!soft.defined())
    throw Error("the prompt has soft slots, but the tuner returns no embeddings for them.");
  return words.index_copy(0, side.soft_tokens, soft.index_select(0, side.soft_slots).to(table.scalar_type()));
}

} // namespace cuecard
