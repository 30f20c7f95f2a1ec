#include "peft/adapter_tensors.hpp"

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>

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
                    ", but the " + shape.family + " model's is " + std::to_string(expected) +
                    "; use the model that it was trained on.");
}

at::Tensor soft_prompt_of_task(const Adapter& adapter, int64_t task) {
  const at::Tensor& virtual_tokens = adapter.prompt_tensors.at("prompt_embeddings");
  if (adapter.config.type != Type::multitask_prompt_tuning) {
    if (task != 0)
      throw UsageError("--task-id applies only to MULTITASK_PROMPT_TUNING adapters, and " +
                       adapter.folder.string() + " is " + name_of(adapter.config.type) + "; omit it.");
    return virtual_tokens;
  }
  if (task >= adapter.config.tasks)
    throw UsageError("--task-id " + std::to_string(task) + ": " + adapter.folder.string() + " has " +
                     std::to_string(adapter.config.tasks) +
                     (adapter.config.tasks == 1 ? " task, with the number 0." : " tasks, numbered from 0."));
  // Wang et al. 2023, section 3.1: the Hadamard product of the shared prompt and a low-rank task matrix.
  return virtual_tokens * at::matmul(adapter.prompt_tensors.at("prefix_task_cols")[task],
                                     adapter.prompt_tensors.at("prefix_task_rows")[task]);
}

/// Index of the stored key-value pair that PEFT prepends in each of `layers` layers, of `stored` pairs.
///
/// In an encoder-decoder, PEFT repeats the list of keys and values and splits it into chunks of four, of which
/// the model uses the first two (peft_model.py, `get_prompt`). Layer l therefore gets pair 2 l mod `stored`, and pairs
/// may be unused or shared. PEFT stores as many as the encoder has layers unless told otherwise.
std::vector<int64_t> stored_pair_of_layer(int64_t layers, int64_t stored, bool encoder_decoder) {
  std::vector<int64_t> pairs;
  for (int64_t layer = 0; layer < layers; ++layer)
    pairs.push_back(encoder_decoder ? 2 * layer % stored : layer);
  return pairs;
}

/// Whether PEFT can't run transformers' classes of the family with keys and values of earlier tokens.
bool without_prefixes(const BackboneShape& shape) {
  static const std::set<std::string> families{"distilbert", "albert", "mpnet", "deberta-v2", "modernbert"};
  return families.contains(shape.family);
}

Prefix prefix_of(const Adapter& adapter, const BackboneShape& shape) {
  const BackboneShape::Site* site = self_site(shape);
  if (!site)
    throw DataError(adapter.folder.string() + ": the adapter is a prefix for every layer, which the " +
                    shape.family + " model does not support.");
  if (without_prefixes(shape))
    throw DataError(adapter.folder.string() + ": the adapter is a prefix, which PEFT does not support in " +
                    shape.family + " models; use the model that it was trained on.");
  if (shape.encoder_decoder && adapter.config.submodules == 1)
    throw DataError(
        adapter.folder.string() +
        ": \"num_transformer_submodules\" is 1, so PEFT shares one prefix between the self-attention and the "
        "cross-attention of the decoder, which a card does not support.");
  const int64_t pairs_stored =
      shape.encoder_decoder ? adapter.config.layers.value_or(site->layers) : site->layers;
  if (shape.encoder_decoder && pairs_stored < site->layers)
    throw DataError(
        adapter.folder.string() + ": \"num_layers\" is " + std::to_string(pairs_stored) +
        ", but the decoder of the " + shape.family + " model has " + std::to_string(site->layers) +
        " layers; PEFT takes the encoder's number unless told otherwise, and then fails where the decoder "
        "has more: set \"num_layers\" to the decoder's and train the adapter again.");
  if (!shape.encoder_decoder)
    require_size(adapter, "num_layers", adapter.config.layers, site->layers, shape);
  require_size(adapter, "num_attention_heads", adapter.config.heads, site->kv_heads, shape);
  require_size(adapter, "token_dim", adapter.config.width, site->kv_heads * site->head_dim, shape);
  const at::Tensor& values = adapter.prompt_tensors.at("prompt_embeddings");
  BackboneShape::Site stored = *site;
  stored.layers = pairs_stored;
  require_size(adapter, "prefix width", values.size(1), TrainablePrefix::width(stored), shape);
  Prefix prefix = as_prefix(values, stored);
  const at::Tensor pairs =
      index_tensor(stored_pair_of_layer(site->layers, pairs_stored, shape.encoder_decoder));
  prefix.key = at::index_select(prefix.key, 0, pairs);
  prefix.value = at::index_select(prefix.value, 0, pairs);
  prefix.positions = adapter.config.virtual_tokens;
  return prefix;
}

void set_sizes(AdapterConfig& config, int64_t virtual_tokens, int64_t layers, int64_t heads, int64_t width) {
  config.virtual_tokens = virtual_tokens;
  config.layers = layers;
  config.heads = heads;
  config.width = width;
}

} // namespace

Conditioning conditioning_of(const Adapter& adapter, const BackboneShape& shape, int64_t task) {
  Conditioning conditioning;
  const at::Tensor virtual_tokens = soft_prompt_of_task(adapter, task);
  if (adapter.config.has_prefix()) {
    conditioning.prefixes.push_back(prefix_of(adapter, shape));
    return conditioning;
  }
  if (adapter.config.type == Type::multitask_prompt_tuning && adapter.config.submodules == 2)
    throw DataError(
        adapter.folder.string() +
        ": \"num_transformer_submodules\" is 2, so PEFT's multitask prompt also adds virtual tokens to the "
        "decoder, which a card does not support.");
  require_size(adapter, "embedding width", virtual_tokens.size(1), shape.embedding_width, shape);
  // Of the two sets of an encoder-decoder, PEFT uses only the first, before the encoder input.
  conditioning.embeddings = virtual_tokens.slice(0, 0, adapter.config.virtual_tokens).contiguous();
  return conditioning;
}

double embedding_scale(const Configuration& configuration, const BackboneShape& shape) {
  const bool scaled = configuration.boolean_or("scale_embedding", false);
  return scaled ? std::sqrt(static_cast<double>(shape.embedding_width)) : 1.0;
}

void store_soft_prompt(Adapter& adapter, const at::Tensor& virtual_tokens, const BackboneShape& shape) {
  set_sizes(adapter.config, virtual_tokens.size(0), shape.layers, shape.heads, virtual_tokens.size(1));
  adapter.config.submodules = 1;
  adapter.prompt_tensors = {{"prompt_embeddings", virtual_tokens}};
  if (adapter.config.type != Type::multitask_prompt_tuning)
    return;
  adapter.prompt_tensors["prefix_task_cols"] = at::ones({1, virtual_tokens.size(0), 1});
  adapter.prompt_tensors["prefix_task_rows"] = at::ones({1, 1, virtual_tokens.size(1)});
}

std::string store_prefix(Adapter& adapter, const Prefix& prefix, const BackboneShape& shape) {
  const int64_t layers = prefix.key.size(0), virtual_tokens = prefix.key.size(1), heads = prefix.key.size(2),
                head_dim = prefix.key.size(3);
  if (prefix.site != PrefixSite::self)
    return "it has a prefix in the encoder or the cross-attention, and PEFT supports one only in the decoder's "
           "self-attention (train it with --set encoder=false --set cross=false)";
  if (prefix.positions != virtual_tokens)
    return "its prefix does not count towards position ids, and PEFT's always does (train it with --set "
           "count-positions=true)";
  if (without_prefixes(shape))
    return "PEFT does not support prefixes in " + shape.family + " models";
  // With an odd number of pairs no two layers share one.
  const int64_t pairs_stored = layers + static_cast<int64_t>(shape.encoder_decoder && layers % 2 == 0);
  set_sizes(adapter.config, virtual_tokens, pairs_stored, heads, heads * head_dim);
  adapter.config.submodules = shape.encoder_decoder ? 2 : 1;
  Prefix stored = prefix;
  if (shape.encoder_decoder) {
    stored.key = at::zeros({pairs_stored, virtual_tokens, heads, head_dim}, prefix.key.options());
    stored.value = at::zeros_like(stored.key);
    const at::Tensor pairs = index_tensor(stored_pair_of_layer(layers, pairs_stored, true));
    stored.key.index_copy_(0, pairs, prefix.key);
    stored.value.index_copy_(0, pairs, prefix.value);
  }
  adapter.prompt_tensors = {{"prompt_embeddings", as_values(stored)}};
  return "";
}

} // namespace cuecard::peft
