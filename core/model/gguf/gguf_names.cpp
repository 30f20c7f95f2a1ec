#include "model/gguf/gguf_names.hpp"

#include <array>
#include <span>
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
    columns, ///< transposed by llama.cpp's converter; Hugging Face stores GPT-2's matrices as [in, out]
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
constexpr NameTable llama_names{"model.layers.", llama_global, llama_per_layer};
constexpr NameTable qwen2_names{"model.layers.", llama_global, std::span(qwen_per_layer).first<9>()};
constexpr NameTable qwen3_names{"model.layers.", llama_global, qwen_per_layer};
constexpr NameTable gpt2_names{"transformer.h.", gpt2_global, gpt2_per_layer};
constexpr NameTable bert_names{"encoder.layer.", bert_global, bert_per_layer};

/// `model_type` is one of those that gguf_configuration returns.
const NameTable& names_of(const std::string& model_type) {
  return model_type == "llama"   ? llama_names
         : model_type == "qwen2" ? qwen2_names
         : model_type == "qwen3" ? qwen3_names
         : model_type == "gpt2"  ? gpt2_names
                                 : bert_names;
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
    if (name == "rope_freqs.weight" && configuration.has("rope_parameters.rope_type"))
      continue; // already part of the configuration
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
    const bool transposed = pair->rows == NamePair::Rows::columns && tensor.shape.size() == 2;
    sources[prefix + std::string(pair->hugging_face) + std::string(suffix)] = {name, heads, transposed};
  }
  return sources;
}

at::Tensor to_hugging_face_layout(const at::Tensor& stored, const GgufSource& source) {
  const int64_t heads = source.interleaved_heads;
  if (source.transposed)
    return stored.t();
  if (heads == 0)
    return stored;
  // Undoes the permutation by llama.cpp's converter: row 2i + j of a head goes to row j * (d / 2) + i.
  const int64_t half = stored.size(0) / heads / 2;
  return stored.reshape({heads, half, 2, -1}).transpose(1, 2).reshape(stored.sizes());
}

} // namespace cuecard
