#include "model/gguf_configuration.hpp"

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

/// Llama 3.1's rotary scaling, which GGUF keeps as a tensor: by how much each frequency is divided. Of its four
/// constants (Llama 3's own: 1, 4, 8192) the file has the factor alone, as the largest of these numbers, so the
/// rest is checked to be what these constants give.
void set_llama3_scaling(const GgufFile& file, int64_t head_dim, double theta, Configuration& into) {
  const double low = 1, high = 4, original_positions = 8192;
  const at::Tensor divisors = file.tensor("rope_freqs.weight").to(at::kDouble).contiguous();
  bool known = divisors.numel() == head_dim / 2;
  const double* found = divisors.const_data_ptr<double>();
  const double factor = known ? *std::max_element(found, found + head_dim / 2) : 1;
  for (int64_t i = 0; known && i < head_dim / 2; ++i) {
    const double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    const double turns = original_positions * frequency / (2 * M_PI);
    const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    known = std::abs(found[i] * (kept + (1 - kept) / factor) - 1) < 1e-4;
  }
  if (!known)
    throw DataError(file.path().string() + ": the tensor \"rope_freqs.weight\" doesn't hold Llama 3.1's rotary "
                                           "scaling for the base and head size of this file, and no other is "
                                           "known.");
  if (factor == 1)
    return;
  for (const std::string place : {"rope_scaling.", "rope_parameters."}) {
    into.set(place + "rope_type", std::string("llama3"));
    into.set(place + "factor", factor);
    into.set(place + "low_freq_factor", low);
    into.set(place + "high_freq_factor", high);
    into.set(place + "original_max_position_embeddings", static_cast<int64_t>(original_positions));
  }
}

void set_rope_scaling(const Metadata& metadata, const std::string& architecture, Configuration& into) {
  const std::string key = architecture + ".rope.scaling.";
  const std::string kind = metadata.text_or(key + "type", "none");
  if (kind == "none")
    return;
  if (kind != "linear")
    metadata.refuse(key + "type", "is \"" + kind.substr(0, 40) + "\"; \"none\" and \"linear\" are known");
  const double factor = metadata.number(key + "factor");
  for (const std::string place : {"rope_scaling.", "rope_parameters."}) {
    into.set(place + "rope_type", std::string("linear"));
    into.set(place + "factor", factor);
  }
  into.set("rope_scaling.type", std::string("linear"));
}

/// The size of a head, all of which is rotated.
int64_t head_size(const Metadata& metadata, const std::string& architecture, int64_t hidden, int64_t heads) {
  const std::optional<int64_t> rotary = metadata.integer_if(architecture + ".rope.dimension_count");
  const int64_t size = metadata.integer_if(architecture + ".attention.key_length")
                           .value_or(rotary.value_or(heads > 0 ? hidden / heads : 0));
  if (heads == 0 || size == 0 || size % 2 != 0)
    metadata.refuse(architecture + ".attention.head_count", "gives no heads of even size");
  if (rotary.value_or(size) != size)
    metadata.refuse(architecture + ".rope.dimension_count", "is " + std::to_string(*rotary) +
                                                                " where heads have " + std::to_string(size) +
                                                                "; partial rotation isn't known");
  return size;
}

/// Llama's family: `architecture` is its model_type, too.
void set_llama(const GgufFile& file, const Metadata& metadata, const std::string& architecture,
               Configuration& into) {
  const std::string in_front = architecture + ".";
  const int64_t hidden = metadata.integer(in_front + "embedding_length");
  const int64_t heads = metadata.integer(in_front + "attention.head_count");
  const int64_t head_dim = head_size(metadata, architecture, hidden, heads);
  if (metadata.integer_if(in_front + "expert_count").value_or(0) > 0)
    metadata.refuse(in_front + "expert_count", "says that this is a mixture of experts, which isn't known");
  into.set("architectures", std::vector<std::string>{(architecture == "llama"   ? "Llama"
                                                      : architecture == "qwen2" ? "Qwen2"
                                                                                : "Qwen3") +
                                                     std::string("ForCausalLM")});
  into.set("model_type", architecture);
  into.set("hidden_act", std::string("silu"));
  into.set("hidden_size", hidden);
  into.set("num_hidden_layers", metadata.integer(in_front + "block_count"));
  into.set("num_attention_heads", heads);
  into.set("num_key_value_heads", metadata.integer_if(in_front + "attention.head_count_kv").value_or(heads));
  into.set("head_dim", head_dim);
  into.set("intermediate_size", metadata.integer(in_front + "feed_forward_length"));
  into.set("rms_norm_eps", metadata.number(in_front + "attention.layer_norm_rms_epsilon"));
  const double theta =
      metadata.number_if(in_front + "rope.freq_base").value_or(10000.0); // llama.cpp's own default
  into.set("rope_theta", theta);
  into.set("rope_parameters.rope_theta", theta);
  into.set("rope_parameters.rope_type", std::string("default"));
  set_rope_scaling(metadata, architecture, into);
  if (file.tensors().count("rope_freqs.weight") > 0)
    set_llama3_scaling(file, head_dim, theta, into);
  into.set("max_position_embeddings", metadata.integer(in_front + "context_length"));
  into.set("vocab_size", vocabulary_rows(file, metadata, architecture));
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
  into.set("vocab_size", vocabulary_rows(file, metadata, "gpt2"));
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
  into.set("vocab_size", vocabulary_rows(file, metadata, "bert"));
  const auto segments = file.tensors().find("token_types.weight");
  if (segments == file.tensors().end() || segments->second.shape.size() != 2)
    throw DataError(file.path().string() + ": lacks the matrix \"token_types.weight\" that a bert model has.");
  into.set("type_vocab_size", segments->second.shape[0]);
  set_token_ids(metadata, into);
}

} // namespace

Configuration gguf_configuration(const GgufFile& file) {
  const Metadata metadata(file);
  const std::string architecture = metadata.text_or("general.architecture", "");
  Configuration configuration(file.path().string());
  if (architecture == "llama" || architecture == "qwen2" || architecture == "qwen3")
    set_llama(file, metadata, architecture, configuration);
  else if (architecture == "gpt2")
    set_gpt2(file, metadata, configuration);
  else if (architecture == "bert")
    set_bert(file, metadata, configuration);
  else
    metadata.refuse("general.architecture",
                    "is \"" + architecture.substr(0, 40) +
                        "\"; GGUF files of llama, qwen2, qwen3, gpt2 and bert models are read");
  return configuration;
}

} // namespace cuecard
