#include <cuecard/parts/embedding.hpp>

#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>

namespace cuecard {

at::Tensor embed_rows(const at::Tensor& table, const Side& side, const Conditioning& conditioning) {
  const bool triggers =
      conditioning.triggers.defined() && side.trigger_rows.defined() && side.trigger_rows.size(0) > 0;
  const at::Tensor ids =
      triggers
          ? side.ids.index_copy(0, side.trigger_rows, conditioning.triggers.index_select(0, side.trigger_slots))
          : side.ids;
  const at::Tensor words = table.index_select(0, ids);
  const at::Tensor& soft = conditioning.embeddings;
  if (!side.soft_rows.defined() || side.soft_rows.size(0) == 0)
    return words;
  if (!soft.defined())
    throw Error("the prompt has soft slots, but the tuner gives no embeddings for them.");
  return words.index_copy(0, side.soft_rows, soft.index_select(0, side.soft_slots).to(table.scalar_type()));
}

} // namespace cuecard
