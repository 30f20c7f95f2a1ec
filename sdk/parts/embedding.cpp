#include <cuecard/parts/embedding.hpp>

#include <ATen/ops/index_select.h>
#include <ATen/ops/linear.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers.hpp>

namespace cuecard {

at::Tensor embed_rows(const at::Tensor& table, const Side& side, const at::Tensor& soft) {
  const at::Tensor words = table.index_select(0, side.ids);
  if (!side.soft_rows.defined() || side.soft_rows.size(0) == 0)
    return words;
  if (!soft.defined())
    throw Error("the prompt has soft slots, but the tuner gives no embeddings for them.");
  return words.index_copy(0, side.soft_rows, soft.index_select(0, side.soft_slots).to(table.scalar_type()));
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
}

} // namespace cuecard
