#include "model/gguf/gguf_configuration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <ATen/core/Tensor.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// Typed access to metadata; errors name file and key.
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
      fail(key, "isn't a non-negative integer");
    return *number;
  }

  int64_t integer(const std::string& key) const {
    const auto value = integer_if(key);
    if (!value)
      fail(key, "is missing");
    return *value;
  }

  std::optional<double> number_if(const std::string& key) const {
    const GgufValue* value = find(key);
    if (!value)
      return std::nullopt;
    const auto* number = std::get_if<double>(value);
    if (!number)
      fail(key, "isn't a floating-point number");
    return shortest_decimal(*number);
  }

  double number(const std::string& key) const {
    const auto value = number_if(key);
    if (!value)
      fail(key, "is missing");
    return *value;
  }

  std::string string_or(const std::string& key, std::string fallback) const {
    const GgufValue* value = find(key);
    if (!value)
      return fallback;
    const auto* text = std::get_if<std::string>(value);
    if (!text)
      fail(key, "isn't a string");
    return *text;
  }

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw DataError(file_.path().string() + ": metadata \"" + key + "\" " + what + ".");
  }

private:
  /// Metadata is float32, which widens to an inexact double (9.999999747378752e-06). The shortest decimal that
  /// rounds to the same float32 is the number in the original config.json (1e-05).
  static double shortest_decimal(double number) {
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

/// The number of token embeddings; files without the embedding have `vocab_size`.
int64_t vocab_size(const GgufFile& file, const Metadata& metadata, const std::string& architecture) {
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

/// Llama 3.1's RoPE scaling, which GGUF stores as a tensor of frequency divisors. Only the factor can be read
/// from it, as the largest divisor; low_freq_factor, high_freq_factor and the original context length are
/// assumed to be Llama 3's (1, 4, 8192), and the tensor is checked against them.
void set_llama3_scaling(const GgufFile& file, int64_t head_dim, double theta, Configuration& into) {
  const double low_freq_factor = 1, high_freq_factor = 4, original_positions = 8192;
  const at::Tensor divisors = file.tensor("rope_freqs.weight").to(at::kDouble).contiguous();
  bool matches = divisors.numel() == head_dim / 2;
  const double* found = divisors.const_data_ptr<double>();
  const double factor = matches ? *std::max_element(found, found + head_dim / 2) : 1;
  for (int64_t i = 0; matches && i < head_dim / 2; ++i) {
    const double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    const double rotations = original_positions * frequency / (2 * M_PI);
    const double kept =
        std::clamp((rotations - low_freq_factor) / (high_freq_factor - low_freq_factor), 0.0, 1.0);
    matches = std::abs(found[i] * (kept + (1 - kept) / factor) - 1) < 1e-4;
  }
  if (!matches)
    throw DataError(file.path().string() + ": the tensor \"rope_freqs.weight\" is not Llama 3.1's RoPE scaling "
                                           "for the base and head size of this file; no other scaling is "
                                           "supported.");
  if (factor == 1)
    return;
  for (const std::string group : {"rope_scaling.", "rope_parameters."}) {
    into.set(group + "rope_type", std::string("llama3"));
    into.set(group + "factor", factor);
    into.set(group + "low_freq_factor", low_freq_factor);
    into.set(group + "high_freq_factor", high_freq_factor);
    into.set(group + "original_max_position_embeddings", static_cast<int64_t>(original_positions));
  }
}

/// As llama.cpp reads it: a factor is linear scaling where no type is given, none or 0 is no scaling, and old files have it under
/// another key.
void set_rope_scaling(const Metadata& metadata, const std::string& architecture, Configuration& into) {
  const std::string key = architecture + ".rope.scaling.";
  const std::string kind = metadata.string_or(key + "type", "linear");
  if (kind == "none")
    return;
  if (kind != "linear")
    metadata.fail(key + "type", "is \"" + kind.substr(0, 40) + "\"; \"none\" and \"linear\" are supported");
  const std::optional<double> given = metadata.number_if(key + "factor");
  const double factor = given ? *given : metadata.number_if(architecture + ".rope.scale_linear").value_or(0);
  if (factor == 0 || factor == 1)
    return;
  for (const std::string group : {"rope_scaling.", "rope_parameters."}) {
    into.set(group + "rope_type", std::string("linear"));
    into.set(group + "factor", factor);
  }
  into.set("rope_scaling.type", std::string("linear"));
}

/// The head size; RoPE must apply to the whole head.
int64_t head_size(const Metadata& metadata, const std::string& architecture, int64_t hidden, int64_t heads) {
  const std::optional<int64_t> rotary = metadata.integer_if(architecture + ".rope.dimension_count");
  const int64_t size =
      metadata.integer_if(architecture + ".attention.key_length").value_or(heads > 0 ? hidden / heads : 0);
  if (heads == 0 || size == 0 || size % 2 != 0)
    metadata.fail(architecture + ".attention.head_count", "doesn't give heads of even size");
  if (rotary.value_or(size) != size)
    metadata.fail(architecture + ".rope.dimension_count", "is " + std::to_string(*rotary) +
                                                              " but the head size is " + std::to_string(size) +
                                                              "; partial RoPE is not supported");
  return size;
}

/// Llama, Qwen2 and Qwen3; `architecture` is also the model_type.
void set_llama(const GgufFile& file, const Metadata& metadata, const std::string& architecture,
               Configuration& into) {
  const std::string prefix = architecture + ".";
  const int64_t hidden = metadata.integer(prefix + "embedding_length");
  const int64_t heads = metadata.integer(prefix + "attention.head_count");
  const int64_t head_dim = head_size(metadata, architecture, hidden, heads);
  if (metadata.integer_if(prefix + "expert_count").value_or(0) > 0)
    metadata.fail(prefix + "expert_count", "is positive: mixture-of-experts models are not supported");
  into.set("architectures", std::vector<std::string>{(architecture == "llama"   ? "Llama"
                                                      : architecture == "qwen2" ? "Qwen2"
                                                                                : "Qwen3") +
                                                     std::string("ForCausalLM")});
  into.set("model_type", architecture);
  into.set("hidden_act", std::string("silu"));
  into.set("hidden_size", hidden);
  into.set("num_hidden_layers", metadata.integer(prefix + "block_count"));
  into.set("num_attention_heads", heads);
  into.set("num_key_value_heads", metadata.integer_if(prefix + "attention.head_count_kv").value_or(heads));
  into.set("head_dim", head_dim);
  into.set("intermediate_size", metadata.integer(prefix + "feed_forward_length"));
  into.set("rms_norm_eps", metadata.number(prefix + "attention.layer_norm_rms_epsilon"));
  const double theta = metadata.number_if(prefix + "rope.freq_base").value_or(10000.0); // llama.cpp's default
  into.set("rope_theta", theta);
  into.set("rope_parameters.rope_theta", theta);
  into.set("rope_parameters.rope_type", std::string("default"));
  set_rope_scaling(metadata, architecture, into);
  if (file.tensors().count("rope_freqs.weight") > 0)
    set_llama3_scaling(file, head_dim, theta, into);
  into.set("max_position_embeddings", metadata.integer(prefix + "context_length"));
  into.set("vocab_size", vocab_size(file, metadata, architecture));
  into.set("tie_word_embeddings", file.tensors().count("output.weight") == 0);
  into.set("attention_bias", file.tensors().count("blk.0.attn_q.bias") > 0);
  into.set("mlp_bias", file.tensors().count("blk.0.ffn_up.bias") > 0);
  set_token_ids(metadata, into);
}

void set_gpt2(const GgufFile& file, const Metadata& metadata, Configuration& into) {
  into.set("architectures", std::vector<std::string>{"GPT2LMHeadModel"});
  into.set("model_type", std::string("gpt2"));
  into.set("activation_function", std::string("gelu_new"));
  into.set("n_embd", metadata.integer("gpt2.embedding_length"));
  into.set("n_layer", metadata.integer("gpt2.block_count"));
  into.set("n_head", metadata.integer("gpt2.attention.head_count"));
  into.set("n_inner", metadata.integer("gpt2.feed_forward_length"));
  into.set("n_positions", metadata.integer("gpt2.context_length"));
  into.set("layer_norm_epsilon", metadata.number("gpt2.attention.layer_norm_epsilon"));
  into.set("vocab_size", vocab_size(file, metadata, "gpt2"));
  into.set("tie_word_embeddings", file.tensors().count("output.weight") == 0);
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
  into.set("vocab_size", vocab_size(file, metadata, "bert"));
  const auto segments = file.tensors().find("token_types.weight");
  if (segments == file.tensors().end() || segments->second.shape.size() != 2)
    throw DataError(file.path().string() +
                    ": lacks the matrix \"token_types.weight\", which a bert model needs.");
  into.set("type_vocab_size", segments->second.shape[0]);
  set_token_ids(metadata, into);
}

} // namespace

Configuration gguf_configuration(const GgufFile& file) {
  const Metadata metadata(file);
  const std::string architecture = metadata.string_or("general.architecture", "");
  Configuration configuration(file.path().string());
  if (architecture == "llama" || architecture == "qwen2" || architecture == "qwen3")
    set_llama(file, metadata, architecture, configuration);
  else if (architecture == "gpt2")
    set_gpt2(file, metadata, configuration);
  else if (architecture == "bert")
    set_bert(file, metadata, configuration);
  else
    metadata.fail("general.architecture",
                  "is \"" + architecture.substr(0, 40) +
                      "\"; supported architectures are llama, qwen2, qwen3, gpt2 and bert");
  return configuration;
}

} // namespace cuecard
