#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <cuecard/batch.hpp>
#include <cuecard/error.hpp>
#include <cuecard/parts/learned_prefix.hpp>

namespace cuecard {

Prefix keys_and_values(const Backbone& backbone, const at::Tensor& ids) {
  if (backbone.shape().encoder_decoder)
    throw Error("an encoder-decoder has no keys and values of words alone: its decoder always has an input.");
  const at::NoGradGuard no_grad;
  const int64_t rows = ids.size(0);
  Batch batch;
  batch.input.ids = ids.to(backbone.device());
  batch.input.positions = at::arange(rows, at::kLong).to(backbone.device());
  batch.input.offsets = {0, rows};
  batch.input.parent = {-1};
  batch.input.cards = {0};
  batch.answer_rows = batch.input.positions.narrow(0, rows - 1, 1);
  batch.answer_rows_host = {rows - 1};
  Past kept;
  const Conditioning nothing;
  backbone.forward({batch, nothing, &kept});

  std::vector<at::Tensor> keys, values;
  for (const Past::Layer& layer : kept.layers) {
    std::vector<at::Tensor> key, value;
    for (const Past::Rows& range : kept.ranges.at(0)) {
      key.push_back(layer.key.narrow(0, range.begin, range.size()));
      value.push_back(layer.value.narrow(0, range.begin, range.size()));
    }
    keys.push_back(at::cat(key));
    values.push_back(at::cat(value));
  }
  return {PrefixSite::self, at::stack(keys).to(at::kFloat), at::stack(values).to(at::kFloat), rows};
}

} // namespace cuecard
