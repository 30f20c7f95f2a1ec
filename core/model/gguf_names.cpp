#include "model/gguf_names.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// Typed reading of metadata, with errors that name file and key.
class Metadata {
public:
  explicit Metadata(const GgufFile& file) : file_(file) {}

  const GgufValue* find(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    return found == file_.metadata().end() ? nullptr : &found->second;
  }

  std::optional<int64_t> integer_if(const std::string& key) const {
    const GgufValue* value = find(key);
    if (!value)
      return std::nullopt;
    const auto* number = std::get_if<int64_t>(value);
    if (!number || *number < 0)
      refuse(key, "isn't one whole number that is not negative");
    return *number;
  }

  int64_t integer(const std::string& key) const {
    const auto value = integer_if(key);
    if (!value)
      refuse(key, "is missing");
    return *value;
  }

  std::optional<double> number_if(const std::string& key) const {
    const GgufValue* value = find(key);
    if (!value)
      return std::nullopt;
    const auto* number = std::get_if<double>(value);
    if (!number)
      refuse(key, "isn't a floating-point number");
    return as_written(*number);
  }

  double number(const std::string& key) const {
    const auto value = number_if(key);
    if (!value)
      refuse(key, "is missing");
    return *value;
  }

  std::string text_or(const std::string& key, std::string fallback) const {
    const GgufValue* value = find(key);
    if (!value)
      return fallback;
    const auto* text = std::get_if<std::string>(value);
    if (!text)
      refuse(key, "isn't a text");
    return *text;
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& what) const {
    throw DataError(file_.path().string() + ": the metadata value \"" + key + "\" " + what + ".");
  }

private:
  /// Metadata holds float32, whose nearest double has tails (9.999999747378752e-06). The shortest decimal that
  /// is that float32 is the number that the model's author wrote (1e-05).
  static double as_written(double number) {
    const auto single = static_cast<float>(number);
    if (static_cast<double>(single) != number)
      return number;
    std::array<char, 64> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), single).ptr;
    std::from_chars(text.data(), end, number);
    return number;
  }

  const GgufFile& file_;
};

/// Rows of the token embedding, which is what a model's ids index; files without it say `vocab_size`.
int64_t vocabulary_rows(const GgufFile& file, const Metadata& metadata, const std::string& architecture) {
  const auto embedding = file.tensors().find("token_embd.weight");
  if (embedding != file.tensors().end() && embedding->second.shape.size() == 2)
    return embedding->second.shape[0];
  return metadata.integer(architecture + ".vocab_size");
}

void set_token_ids(const Metadata& metadata, Configuration& into) {
  for (const auto& [role, key] :
       {std::pair("bos", "bos_token_id"), {"eos", "eos_token_id"}, {"padding", "pad_token_id"}})
    if (const auto id = metadata.integer_if("tokenizer.ggml." + std::string(role) + "_token_id"))
      into.set(key, *id);
}

void set_rope_scaling(const Metadata& metadata, Configuration& into) {
  const std::string kind = metadata.text_or("llama.rope.scaling.type", "none");
  if (kind == "none")
    return;
  if (kind != "linear")
    metadata.refuse("llama.rope.scaling.type",
                    "is \"" + kind.substr(0, 40) + "\"; \"none\" and \"linear\" are known");
  const double factor = metadata.number("llama.rope.scaling.factor");
  for (const std::string place : {"rope_scaling.", "rope_parameters."}) {
    into.set(place + "rope_type", std::string("linear"));
    into.set(place + "factor", factor);
  }
  into.set("rope_scaling.type", std::string("linear"));
}

void set_llama(const GgufFile& file, const Metadata& metadata, Configuration& into) {
  const int64_t hidden = metadata.integer("llama.embedding_length");
  const int64_t heads = metadata.integer("llama.attention.head_count");
  const int64_t rotary =
      metadata.integer_if("llama.rope.dimension_count").value_or(heads > 0 ? hidden / heads : 0);
  const int64_t head_dim = metadata.integer_if("llama.attention.key_length").value_or(rotary);
  if (heads == 0 || head_dim == 0 || head_dim % 2 != 0)
    metadata.refuse("llama.attention.head_count", "gives no heads of even size");
  if (rotary != head_dim)
    metadata.refuse("llama.rope.dimension_count", "is " + std::to_string(rotary) + " where heads have " +
                                                      std::to_string(head_dim) +
                                                      "; partial rotation isn't known");
  if (metadata.integer_if("llama.expert_count").value_or(0) > 0)
    metadata.refuse("llama.expert_count", "says that this is a mixture of experts, which isn't known");
  into.set("architectures", std::vector<std::string>{"LlamaForCausalLM"});
  into.set("model_type", std::string("llama"));
  into.set("hidden_act", std::string("silu"));
  into.set("hidden_size", hidden);
  into.set("num_hidden_layers", metadata.integer("llama.block_count"));
  into.set("num_attention_heads", heads);
  into.set("num_key_value_heads", metadata.integer_if("llama.attention.head_count_kv").value_or(heads));
  into.set("head_dim", head_dim);
  into.set("intermediate_size", metadata.integer("llama.feed_forward_length"));
  into.set("rms_norm_eps", metadata.number("llama.attention.layer_norm_rms_epsilon"));
  const double theta = metadata.number_if("llama.rope.freq_base").value_or(10000.0); // llama.cpp's own default
  into.set("rope_theta", theta);
  into.set("rope_parameters.rope_theta", theta);
  into.set("rope_parameters.rope_type", std::string("default"));
  set_rope_scaling(metadata, into);
  into.set("max_position_embeddings", metadata.integer("llama.context_length"));
  into.set("vocab_size", vocabulary_rows(file, metadata, "llama"));
  into.set("tie_word_embeddings", file.tensors().count("output.weight") == 0);
  into.set("attention_bias", file.tensors().count("blk.0.attn_q.bias") > 0);
  into.set("mlp_bias", file.tensors().count("blk.0.ffn_up.bias") > 0);
  set_token_ids(metadata, into);
}

void set_bert(const GgufFile& file, const Metadata& metadata, Configuration& into) {
  into.set("architectures", std::vector<std::string>{"BertModel"});
  into.set("model_type", std::string("bert"));
  into.set("hidden_act", std::string("gelu"));
  into.set("hidden_size", metadata.integer("bert.embedding_length"));
  into.set("num_hidden_layers", metadata.integer("bert.block_count"));
  into.set("num_attention_heads", metadata.integer("bert.attention.head_count"));
  into.set("intermediate_size", metadata.integer("bert.feed_forward_length"));
  into.set("layer_norm_eps", metadata.number("bert.attention.layer_norm_epsilon"));
  into.set("max_position_embeddings", metadata.integer("bert.context_length"));
  into.set("position_embedding_type", std::string("absolute"));
  into.set("vocab_size", vocabulary_rows(file, metadata, "bert"));
  const auto segments = file.tensors().find("token_types.weight");
  if (segments == file.tensors().end() || segments->second.shape.size() != 2)
    throw DataError(file.path().string() + ": lacks the matrix \"token_types.weight\" that a bert model has.");
  into.set("type_vocab_size", segments->second.shape[0]);
  set_token_ids(metadata, into);
}

/// A pair of names; both get ".weight" or ".bias" behind them, and in a layer "blk.N." and the family's own
/// words in front.
struct NamePair {
  std::string_view gguf, hugging_face;
  enum class Rows { as_stored, query_heads, key_heads } rows = Rows::as_stored;
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
constexpr NameTable bert_names{"encoder.layer.", bert_whole, bert_layered};

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

Configuration gguf_configuration(const GgufFile& file) {
  const Metadata metadata(file);
  const std::string architecture = metadata.text_or("general.architecture", "");
  Configuration configuration(file.path().string());
  if (architecture == "llama")
    set_llama(file, metadata, configuration);
  else if (architecture == "bert")
    set_bert(file, metadata, configuration);
  else
    metadata.refuse("general.architecture",
                    "is \"" + architecture.substr(0, 40) + "\"; GGUF files of llama and bert models are read");
  return configuration;
}

std::map<std::string, GgufSource, std::less<>> gguf_sources(const GgufFile& file,
                                                            const Configuration& configuration) {
  const NameTable& table = configuration.text("model_type") == "llama" ? llama_names : bert_names;
  std::map<std::string, GgufSource, std::less<>> sources;
  for (const auto& [name, tensor] : file.tensors()) {
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
    if (heads > 0 && (tensor.shape.empty() || tensor.shape[0] != heads * configuration.integer("head_dim")))
      throw DataError(file.path().string() + ": tensor \"" + name + "\" doesn't have the rows of " +
                      std::to_string(heads) + " heads of " + std::to_string(configuration.integer("head_dim")) +
                      ".");
    sources[in_front + std::string(pair->hugging_face) + std::string(tail)] = {name, heads};
  }
  return sources;
}

at::Tensor undo_interleaving(const at::Tensor& stored, int64_t heads) {
  if (heads == 0)
    return stored;
  // Row 2i + j of a head is row j * (d / 2) + i: llama.cpp's converter exchanged these two factors.
  const int64_t half = stored.size(0) / heads / 2;
  return stored.reshape({heads, half, 2, -1}).transpose(1, 2).reshape(stored.sizes());
}

} // namespace cuecard
