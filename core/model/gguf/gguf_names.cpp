#include "model/gguf/gguf_names.hpp"

#include <array>
#include <span>
#include <stdexcept>
#include <utility>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// GGUF and Hugging Face name without the suffix ".weight" or ".bias" and, for per-layer tensors, without the
/// prefix ("blk.N." in GGUF).
struct NamePair {
  std::string_view gguf, hugging_face;
  enum class Rows {
    as_stored,
    query_heads, ///< rows of each head interleaved for RoPE
    key_heads,
    columns,     ///< transposed by llama.cpp's converter; Hugging Face stores GPT-2's matrices as [in, out]
    fused_heads, ///< all queries, keys, values; Hugging Face stores those of one head after another's
    plus_one,    ///< Gemma's norms, to which the converter adds the 1 that the model adds
  } rows = Rows::as_stored;
};

struct NameTable {
  std::string_view layer; ///< Hugging Face prefix before the layer number
  std::span<const NamePair> global, per_layer;
};

constexpr std::array llama_global{
    NamePair{"token_embd", "model.embed_tokens"},
    NamePair{"output_norm", "model.norm"},
    NamePair{"output", "lm_head"},
};
constexpr std::array llama_per_layer{
    NamePair{"attn_norm", "input_layernorm"},
    NamePair{"attn_q", "self_attn.q_proj", NamePair::Rows::query_heads},
    NamePair{"attn_k", "self_attn.k_proj", NamePair::Rows::key_heads},
    NamePair{"attn_v", "self_attn.v_proj"},
    NamePair{"attn_output", "self_attn.o_proj"},
    NamePair{"ffn_norm", "post_attention_layernorm"},
    NamePair{"ffn_gate", "mlp.gate_proj"},
    NamePair{"ffn_up", "mlp.up_proj"},
    NamePair{"ffn_down", "mlp.down_proj"},
};
/// llama.cpp rotates Qwen like Hugging Face (NeoX style), so its rows are not interleaved.
constexpr std::array qwen_per_layer{
    NamePair{"attn_norm", "input_layernorm"},
    NamePair{"attn_q", "self_attn.q_proj"},
    NamePair{"attn_k", "self_attn.k_proj"},
    NamePair{"attn_v", "self_attn.v_proj"},
    NamePair{"attn_output", "self_attn.o_proj"},
    NamePair{"ffn_norm", "post_attention_layernorm"},
    NamePair{"ffn_gate", "mlp.gate_proj"},
    NamePair{"ffn_up", "mlp.up_proj"},
    NamePair{"ffn_down", "mlp.down_proj"},
    NamePair{"attn_q_norm", "self_attn.q_norm"}, // q_norm and k_norm: Qwen3 only
    NamePair{"attn_k_norm", "self_attn.k_norm"},
};
constexpr std::array gemma_global{
    NamePair{"token_embd", "model.embed_tokens"},
    NamePair{"output_norm", "model.norm", NamePair::Rows::plus_one},
    NamePair{"output", "lm_head"},
};
constexpr std::array gemma_per_layer{
    NamePair{"attn_norm", "input_layernorm", NamePair::Rows::plus_one},
    NamePair{"attn_q", "self_attn.q_proj"},
    NamePair{"attn_k", "self_attn.k_proj"},
    NamePair{"attn_v", "self_attn.v_proj"},
    NamePair{"attn_output", "self_attn.o_proj"},
    NamePair{"ffn_gate", "mlp.gate_proj"},
    NamePair{"ffn_up", "mlp.up_proj"},
    NamePair{"ffn_down", "mlp.down_proj"},
    NamePair{"ffn_norm", "post_attention_layernorm", NamePair::Rows::plus_one},
};
/// Gemma 2 and 3.
constexpr std::array gemma2_per_layer{
    NamePair{"attn_norm", "input_layernorm", NamePair::Rows::plus_one},
    NamePair{"attn_q", "self_attn.q_proj"},
    NamePair{"attn_k", "self_attn.k_proj"},
    NamePair{"attn_v", "self_attn.v_proj"},
    NamePair{"attn_output", "self_attn.o_proj"},
    NamePair{"ffn_gate", "mlp.gate_proj"},
    NamePair{"ffn_up", "mlp.up_proj"},
    NamePair{"ffn_down", "mlp.down_proj"},
    NamePair{"post_attention_norm", "post_attention_layernorm", NamePair::Rows::plus_one},
    NamePair{"ffn_norm", "pre_feedforward_layernorm", NamePair::Rows::plus_one},
    NamePair{"post_ffw_norm", "post_feedforward_layernorm", NamePair::Rows::plus_one},
    NamePair{"attn_q_norm", "self_attn.q_norm", NamePair::Rows::plus_one}, // both: Gemma 3 only
    NamePair{"attn_k_norm", "self_attn.k_norm", NamePair::Rows::plus_one},
};
constexpr std::array phi3_per_layer{
    NamePair{"attn_norm", "input_layernorm"},    NamePair{"attn_qkv", "self_attn.qkv_proj"},
    NamePair{"attn_output", "self_attn.o_proj"}, NamePair{"ffn_norm", "post_attention_layernorm"},
    NamePair{"ffn_up", "mlp.gate_up_proj"},      NamePair{"ffn_down", "mlp.down_proj"},
};
constexpr std::array olmo2_per_layer{
    NamePair{"attn_q", "self_attn.q_proj"},
    NamePair{"attn_k", "self_attn.k_proj"},
    NamePair{"attn_v", "self_attn.v_proj"},
    NamePair{"attn_output", "self_attn.o_proj"},
    NamePair{"attn_q_norm", "self_attn.q_norm"},
    NamePair{"attn_k_norm", "self_attn.k_norm"},
    NamePair{"post_attention_norm", "post_attention_layernorm"},
    NamePair{"ffn_gate", "mlp.gate_proj"},
    NamePair{"ffn_up", "mlp.up_proj"},
    NamePair{"ffn_down", "mlp.down_proj"},
    NamePair{"post_ffw_norm", "post_feedforward_layernorm"},
};
constexpr std::array gpt_neox_global{
    NamePair{"token_embd", "gpt_neox.embed_in"},
    NamePair{"output_norm", "gpt_neox.final_layer_norm"},
    NamePair{"output", "embed_out"},
};
constexpr std::array gpt_neox_per_layer{
    NamePair{"attn_norm", "input_layernorm"},
    NamePair{"attn_qkv", "attention.query_key_value", NamePair::Rows::fused_heads},
    NamePair{"attn_output", "attention.dense"},
    NamePair{"ffn_norm", "post_attention_layernorm"},
    NamePair{"ffn_up", "mlp.dense_h_to_4h"},
    NamePair{"ffn_down", "mlp.dense_4h_to_h"},
};
constexpr std::array gpt2_global{
    NamePair{"token_embd", "transformer.wte"},
    NamePair{"position_embd", "transformer.wpe"},
    NamePair{"output_norm", "transformer.ln_f"},
    NamePair{"output", "lm_head"},
};
constexpr std::array gpt2_per_layer{
    NamePair{"attn_norm", "ln_1"},
    NamePair{"attn_qkv", "attn.c_attn", NamePair::Rows::columns},
    NamePair{"attn_output", "attn.c_proj", NamePair::Rows::columns},
    NamePair{"ffn_norm", "ln_2"},
    NamePair{"ffn_up", "mlp.c_fc", NamePair::Rows::columns},
    NamePair{"ffn_down", "mlp.c_proj", NamePair::Rows::columns},
};
constexpr std::array bert_global{
    NamePair{"token_embd", "embeddings.word_embeddings"},
    NamePair{"token_types", "embeddings.token_type_embeddings"},
    NamePair{"position_embd", "embeddings.position_embeddings"},
    NamePair{"token_embd_norm", "embeddings.LayerNorm"},
};
constexpr std::array bert_per_layer{
    NamePair{"attn_q", "attention.self.query"},
    NamePair{"attn_k", "attention.self.key"},
    NamePair{"attn_v", "attention.self.value"},
    NamePair{"attn_output", "attention.output.dense"},
    NamePair{"attn_output_norm", "attention.output.LayerNorm"},
    NamePair{"ffn_up", "intermediate.dense"},
    NamePair{"ffn_down", "output.dense"},
    NamePair{"layer_output_norm", "output.LayerNorm"},
};
constexpr std::pair<std::string_view, NameTable> tables[] = {
    {"llama", {"model.layers.", llama_global, llama_per_layer}},
    {"qwen2", {"model.layers.", llama_global, std::span(qwen_per_layer).first<9>()}},
    {"qwen3", {"model.layers.", llama_global, qwen_per_layer}},
    {"gemma", {"model.layers.", gemma_global, gemma_per_layer}},
    {"gemma2", {"model.layers.", gemma_global, std::span(gemma2_per_layer).first<11>()}},
    {"gemma3_text", {"model.layers.", gemma_global, gemma2_per_layer}},
    {"phi3", {"model.layers.", llama_global, phi3_per_layer}},
    {"olmo2", {"model.layers.", llama_global, olmo2_per_layer}},
    {"gpt_neox", {"gpt_neox.layers.", gpt_neox_global, gpt_neox_per_layer}},
    {"gpt2", {"transformer.h.", gpt2_global, gpt2_per_layer}},
    {"bert", {"encoder.layer.", bert_global, bert_per_layer}},
};

/// `model_type` is one of those that gguf_configuration returns.
const NameTable& names_of(const std::string& model_type) {
  for (const auto& [name, table] : tables)
    if (name == model_type)
      return table;
  throw std::logic_error("GGUF names of a " + model_type + " model");
}

/// Tensors that are part of the configuration.
bool configures(const std::string& name, const Configuration& configuration) {
  return (name == "rope_freqs.weight" && configuration.has("rope_parameters.rope_type")) ||
         ((name == "rope_factors_long.weight" || name == "rope_factors_short.weight") &&
          configuration.has("rope_parameters.long_factor"));
}

/// Null if there is no such name.
const NamePair* find_pair(std::span<const NamePair> pairs, std::string_view gguf) {
  for (const NamePair& pair : pairs)
    if (pair.gguf == gguf)
      return &pair;
  return nullptr;
}

/// "blk.12.attn_q" -> ("12", "attn_q"); a name outside the layers -> ("", name).
std::pair<std::string_view, std::string_view> split_layer(std::string_view name) {
  constexpr std::string_view prefix = "blk.";
  const std::size_t dot = name.find('.', prefix.size());
  if (!name.starts_with(prefix) || dot == std::string_view::npos)
    return {"", name};
  const std::string_view number = name.substr(prefix.size(), dot - prefix.size());
  if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos)
    return {"", name};
  return {number, name.substr(dot + 1)};
}

} // namespace

std::map<std::string, GgufSource, std::less<>> gguf_sources(const GgufFile& file,
                                                            const Configuration& configuration) {
  const NameTable& table = names_of(configuration.text("model_type"));
  std::map<std::string, GgufSource, std::less<>> sources;
  for (const auto& [name, tensor] : file.tensors()) {
    if (configures(name, configuration))
      continue;
    const std::size_t dot = name.rfind('.');
    const std::string_view suffix =
        dot == std::string::npos ? std::string_view() : std::string_view(name).substr(dot);
    const auto [layer, stem] = split_layer(std::string_view(name).substr(0, dot));
    const NamePair* pair = find_pair(layer.empty() ? table.global : table.per_layer, stem);
    if (!pair || (suffix != ".weight" && suffix != ".bias"))
      throw DataError(file.path().string() + ": tensor \"" + name.substr(0, 80) +
                      "\" is not a known tensor of a " + configuration.text("model_type") + " model.");
    const std::string prefix = layer.empty() ? "" : std::string(table.layer) + std::string(layer) + ".";
    const int64_t heads =
        pair->rows == NamePair::Rows::query_heads ? configuration.integer("num_attention_heads", 1)
        : pair->rows == NamePair::Rows::key_heads ? configuration.integer("num_key_value_heads", 1)
                                                  : 0;
    int64_t rows = 0; // may overflow: both factors come from the file
    if (heads > 0 &&
        (tensor.shape.empty() || __builtin_mul_overflow(heads, configuration.integer("head_dim"), &rows) ||
         tensor.shape[0] != rows))
      throw DataError(file.path().string() + ": tensor \"" + name + "\" doesn't have the rows of " +
                      std::to_string(heads) + " heads of size " +
                      std::to_string(configuration.integer("head_dim")) + ".");
    GgufSource& source = sources[prefix + std::string(pair->hugging_face) + std::string(suffix)];
    source = {name, heads};
    source.transposed = pair->rows == NamePair::Rows::columns && tensor.shape.size() == 2;
    source.plus_one = pair->rows == NamePair::Rows::plus_one;
    if (pair->rows == NamePair::Rows::fused_heads) {
      source.fused_heads = configuration.integer("num_attention_heads", 1);
      if (tensor.shape.empty() || tensor.shape[0] % (3 * source.fused_heads) != 0)
        throw DataError(file.path().string() + ": tensor \"" + name +
                        "\" doesn't have the rows of queries, keys and values of " +
                        std::to_string(source.fused_heads) + " heads.");
    }
  }
  return sources;
}

at::Tensor to_hugging_face_layout(const at::Tensor& stored, const GgufSource& source) {
  const int64_t heads = source.interleaved_heads;
  if (source.transposed)
    return stored.t();
  if (source.plus_one)
    return stored - 1;
  if (source.fused_heads > 0)
    return stored.reshape({3, source.fused_heads, stored.size(0) / (3 * source.fused_heads), -1})
        .transpose(0, 1)
        .reshape(stored.sizes());
  if (heads == 0)
    return stored;
  // Undoes the permutation by llama.cpp's converter: row 2i + j of a head goes to row j * (d / 2) + i.
  const int64_t half = stored.size(0) / heads / 2;
  return stored.reshape({heads, half, 2, -1}).transpose(1, 2).reshape(stored.sizes());
}

} // namespace cuecard
