#include "model/gguf_names.hpp"

#include <array>
#include <span>
#include <utility>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// A pair of names; both get ".weight" or ".bias" behind them, and in a layer "blk.N." and the family's own
/// words in front.
struct NamePair {
  std::string_view gguf, hugging_face;
  enum class Rows {
    as_stored,
    query_heads, ///< each head's interleaved
    key_heads,
    columns, ///< llama.cpp's converter transposed GPT-2's matrices, which Hugging Face keeps as [in, out]
  } rows = Rows::as_stored;
};

struct NameTable {
  std::string_view layer; ///< what stands in front of a layer's number
  std::span<const NamePair> whole, layered;
};

constexpr std::array llama_whole{
    NamePair{"token_embd", "model.embed_tokens"},
    NamePair{"output_norm", "model.norm"},
    NamePair{"output", "lm_head"},
};
constexpr std::array llama_layered{
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
/// Qwen is rotated as Hugging Face does, so its rows stay.
constexpr std::array qwen_layered{
    NamePair{"attn_norm", "input_layernorm"},
    NamePair{"attn_q", "self_attn.q_proj"},
    NamePair{"attn_k", "self_attn.k_proj"},
    NamePair{"attn_v", "self_attn.v_proj"},
    NamePair{"attn_output", "self_attn.o_proj"},
    NamePair{"ffn_norm", "post_attention_layernorm"},
    NamePair{"ffn_gate", "mlp.gate_proj"},
    NamePair{"ffn_up", "mlp.up_proj"},
    NamePair{"ffn_down", "mlp.down_proj"},
    NamePair{"attn_q_norm", "self_attn.q_norm"}, // Qwen3 alone has these two
    NamePair{"attn_k_norm", "self_attn.k_norm"},
};
constexpr std::array gpt2_whole{
    NamePair{"token_embd", "transformer.wte"},
    NamePair{"position_embd", "transformer.wpe"},
    NamePair{"output_norm", "transformer.ln_f"},
    NamePair{"output", "lm_head"},
};
constexpr std::array gpt2_layered{
    NamePair{"attn_norm", "ln_1"},
    NamePair{"attn_qkv", "attn.c_attn", NamePair::Rows::columns},
    NamePair{"attn_output", "attn.c_proj", NamePair::Rows::columns},
    NamePair{"ffn_norm", "ln_2"},
    NamePair{"ffn_up", "mlp.c_fc", NamePair::Rows::columns},
    NamePair{"ffn_down", "mlp.c_proj", NamePair::Rows::columns},
};
constexpr std::array bert_whole{
    NamePair{"token_embd", "embeddings.word_embeddings"},
    NamePair{"token_types", "embeddings.token_type_embeddings"},
    NamePair{"position_embd", "embeddings.position_embeddings"},
    NamePair{"token_embd_norm", "embeddings.LayerNorm"},
};
constexpr std::array bert_layered{
    NamePair{"attn_q", "attention.self.query"},
    NamePair{"attn_k", "attention.self.key"},
    NamePair{"attn_v", "attention.self.value"},
    NamePair{"attn_output", "attention.output.dense"},
    NamePair{"attn_output_norm", "attention.output.LayerNorm"},
    NamePair{"ffn_up", "intermediate.dense"},
    NamePair{"ffn_down", "output.dense"},
    NamePair{"layer_output_norm", "output.LayerNorm"},
};
constexpr NameTable llama_names{"model.layers.", llama_whole, llama_layered};
constexpr NameTable qwen2_names{"model.layers.", llama_whole, std::span(qwen_layered).first<9>()};
constexpr NameTable qwen3_names{"model.layers.", llama_whole, qwen_layered};
constexpr NameTable gpt2_names{"transformer.h.", gpt2_whole, gpt2_layered};
constexpr NameTable bert_names{"encoder.layer.", bert_whole, bert_layered};

/// `model_type` is one that gguf_configuration gives.
const NameTable& names_of(const std::string& model_type) {
  return model_type == "llama"   ? llama_names
         : model_type == "qwen2" ? qwen2_names
         : model_type == "qwen3" ? qwen3_names
         : model_type == "gpt2"  ? gpt2_names
                                 : bert_names;
}

/// The entry for a name without its ".weight" or ".bias", or null.
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
      continue; // the configuration says it
    const std::size_t dot = name.rfind('.');
    const std::string_view tail =
        dot == std::string::npos ? std::string_view() : std::string_view(name).substr(dot);
    const auto [layer, stem] = split_layer(std::string_view(name).substr(0, dot));
    const NamePair* pair = find_pair(layer.empty() ? table.whole : table.layered, stem);
    if (!pair || (tail != ".weight" && tail != ".bias"))
      throw DataError(file.path().string() + ": tensor \"" + name.substr(0, 80) + "\" has no place in a " +
                      configuration.text("model_type") + " model as it is known here.");
    const std::string in_front = layer.empty() ? "" : std::string(table.layer) + std::string(layer) + ".";
    const int64_t heads =
        pair->rows == NamePair::Rows::query_heads ? configuration.integer("num_attention_heads", 1)
        : pair->rows == NamePair::Rows::key_heads ? configuration.integer("num_key_value_heads", 1)
                                                  : 0;
    int64_t rows = 0; // both factors are the file's own
    if (heads > 0 &&
        (tensor.shape.empty() || __builtin_mul_overflow(heads, configuration.integer("head_dim"), &rows) ||
         tensor.shape[0] != rows))
      throw DataError(file.path().string() + ": tensor \"" + name + "\" doesn't have the rows of " +
                      std::to_string(heads) + " heads of " + std::to_string(configuration.integer("head_dim")) +
                      ".");
    const bool transposed = pair->rows == NamePair::Rows::columns && tensor.shape.size() == 2;
    sources[in_front + std::string(pair->hugging_face) + std::string(tail)] = {name, heads, transposed};
  }
  return sources;
}

at::Tensor in_order(const at::Tensor& stored, const GgufSource& source) {
  const int64_t heads = source.interleaved_heads;
  if (source.transposed)
    return stored.t();
  if (heads == 0)
    return stored;
  // Row 2i + j of a head is row j * (d / 2) + i: llama.cpp's converter exchanged these two factors.
  const int64_t half = stored.size(0) / heads / 2;
  return stored.reshape({heads, half, 2, -1}).transpose(1, 2).reshape(stored.sizes());
}

} // namespace cuecard
