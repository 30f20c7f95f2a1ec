#include "peft/learned_rows.hpp"

#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/learned_prefix.hpp>

namespace cuecard::peft {

namespace {

const BackboneShape::Site* self_site(const BackboneShape& shape) {
  for (const BackboneShape::Site& site : shape.sites)
    if (site.site == PrefixSite::self)
      return &site;
  return nullptr;
}

void require_size(const Adapter& adapter, const char* what, std::optional<int64_t> found, int64_t expected,
                  const BackboneShape& shape) {
  if (found && *found != expected)
    throw DataError(adapter.folder.string() + ": the adapter's " + what + " is " + std::to_string(*found) +
                    " and the " + shape.family + " model's " + std::to_string(expected) +
                    "; name the model that it was learned on.");
}

at::Tensor rows_of_task(const Adapter& adapter, int64_t task) {
  const at::Tensor& rows = adapter.learned.at("prompt_embeddings");
  if (adapter.config.type != Type::multitask_prompt_tuning) {
    if (task != 0)
      throw UsageError("--task-id is for MULTITASK_PROMPT_TUNING, and " + adapter.folder.string() + " holds " +
                       name_of(adapter.config.type) + "; leave it out.");
    return rows;
  }
  if (task >= adapter.config.tasks)
    throw UsageError("--task-id " + std::to_string(task) + ": " + adapter.folder.string() + " holds " +
                     std::to_string(adapter.config.tasks) + " tasks, counted from 0.");
  // Wang et al. 2023, section 3.1: the shared prompt times a low-rank matrix of the task.
  return rows *
         at::matmul(adapter.learned.at("prefix_task_cols")[task], adapter.learned.at("prefix_task_rows")[task]);
}

/// Which stored pair of keys and values PEFT puts in front of each layer.
///
/// In an encoder-decoder it is not the layer's own: PEFT doubles the list of keys and values and cuts it into
/// pieces of four, of which the model takes the first two (peft_model.py, `get_prompt`). So layer l has the
/// pair 2 l mod L: half of the pairs are never used where L is even.
std::vector<int64_t> pair_of_layer(int64_t layers, bool encoder_decoder) {
  std::vector<int64_t> pairs;
  for (int64_t layer = 0; layer < layers; ++layer)
    pairs.push_back(encoder_decoder ? 2 * layer % layers : layer);
  return pairs;
}

Prefix prefix_of(const Adapter& adapter, const BackboneShape& shape) {
  const BackboneShape::Site* site = self_site(shape);
  if (!site)
    throw DataError(adapter.folder.string() + ": the adapter is a prefix in every layer, and the " +
                    shape.family + " model takes none.");
  if (shape.encoder_decoder && adapter.config.submodules == 1)
    throw DataError(
        adapter.folder.string() +
        ": \"num_transformer_submodules\" is 1, with which PEFT lets the decoder's self-attention and "
        "cross-attention of an encoder-decoder share the prefix, which no card can.");
  require_size(adapter, "num_layers", adapter.config.layers, site->layers, shape);
  require_size(adapter, "num_attention_heads", adapter.config.heads, site->kv_heads, shape);
  require_size(adapter, "token_dim", adapter.config.width, site->kv_heads * site->head_dim, shape);
  const at::Tensor& values = adapter.learned.at("prompt_embeddings");
  require_size(adapter, "prefix width", values.size(1), LearnedPrefix::width(*site), shape);
  Prefix prefix = as_prefix(values, *site);
  const at::Tensor pairs = index_tensor(pair_of_layer(site->layers, shape.encoder_decoder));
  prefix.key = at::index_select(prefix.key, 0, pairs);
  prefix.value = at::index_select(prefix.value, 0, pairs);
  prefix.positions = adapter.config.virtual_tokens;
  return prefix;
}

void set_sizes(AdapterConfig& config, int64_t rows, int64_t layers, int64_t heads, int64_t width) {
  config.virtual_tokens = rows;
  config.layers = layers;
  config.heads = heads;
  config.width = width;
}

} // namespace

Conditioning conditioning_of(const Adapter& adapter, const BackboneShape& shape, int64_t task) {
  Conditioning conditioning;
  const at::Tensor rows = rows_of_task(adapter, task);
  if (adapter.config.has_prefix()) {
    conditioning.prefixes.push_back(prefix_of(adapter, shape));
    return conditioning;
  }
  if (adapter.config.type == Type::multitask_prompt_tuning && adapter.config.submodules == 2)
    throw DataError(
        adapter.folder.string() +
        ": \"num_transformer_submodules\" is 2, with which PEFT's multitask prompts put rows into the "
        "decoder, too, which no card can.");
  require_size(adapter, "width of an embedding", rows.size(1), shape.embedding_width, shape);
  // Of an encoder-decoder's two sets PEFT uses the first, in front of the encoder.
  conditioning.embeddings = rows.slice(0, 0, adapter.config.virtual_tokens).contiguous();
  return conditioning;
}

double embedding_scale(const Configuration& configuration, const BackboneShape& shape) {
  const bool scaled = configuration.boolean_or("scale_embedding", false);
  return scaled ? std::sqrt(static_cast<double>(shape.embedding_width)) : 1.0;
}

void keep_rows(Adapter& adapter, const at::Tensor& rows, const BackboneShape& shape) {
  set_sizes(adapter.config, rows.size(0), shape.layers, shape.heads, rows.size(1));
  adapter.config.submodules = 1;
  adapter.learned = {{"prompt_embeddings", rows}};
  if (adapter.config.type != Type::multitask_prompt_tuning)
    return;
  adapter.learned["prefix_task_cols"] = at::ones({1, rows.size(0), 1});
  adapter.learned["prefix_task_rows"] = at::ones({1, 1, rows.size(1)});
}

std::string keep_prefix(Adapter& adapter, const Prefix& prefix, const BackboneShape& shape) {
  const int64_t layers = prefix.key.size(0), rows = prefix.key.size(1), heads = prefix.key.size(2),
                head_dim = prefix.key.size(3);
  if (prefix.site != PrefixSite::self)
    return "it has a prefix in front of the encoder's attention or the cross-attention, and PEFT has one in "
           "front of "
           "the decoder's own alone (--set encoder=false --set cross=false when it is learned)";
  if (prefix.positions != rows)
    return "its prefix does not count as positions, and PEFT's always does (--set count-positions=true when it "
           "is "
           "learned)";
  set_sizes(adapter.config, rows, layers, heads, heads * head_dim);
  adapter.config.submodules = shape.encoder_decoder ? 2 : 1;
  Prefix stored = prefix;
  if (shape.encoder_decoder) {
    stored.key = at::zeros(prefix.key.sizes(), prefix.key.options());
    stored.value = at::zeros(prefix.value.sizes(), prefix.value.options());
    std::vector<int64_t> holder(static_cast<std::size_t>(layers), -1);
    const std::vector<int64_t> pairs = pair_of_layer(layers, true);
    for (int64_t layer = 0; layer < layers; ++layer) {
      const int64_t pair = pairs[static_cast<std::size_t>(layer)];
      int64_t& other = holder[static_cast<std::size_t>(pair)];
      if (other >= 0 && !(at::equal(prefix.key[layer], prefix.key[other]) &&
                          at::equal(prefix.value[layer], prefix.value[other])))
        return "PEFT gives the decoder's layers " + std::to_string(other + 1) + " and " +
               std::to_string(layer + 1) + " the same prefix, and the card has two";
      other = layer;
      stored.key[pair].copy_(prefix.key[layer]);
      stored.value[pair].copy_(prefix.value[layer]);
    }
  }
  adapter.learned = {{"prompt_embeddings", as_values(stored)}};
  return "";
}

} // namespace cuecard::peft
