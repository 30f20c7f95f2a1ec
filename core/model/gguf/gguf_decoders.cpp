/// The configurations of decoders: Llama and its descendants, and GPT-NeoX.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/gguf/gguf_metadata.hpp"

namespace cuecard {

namespace {

/// The names of an architecture in Hugging Face's files.
struct DecoderKind {
  const char *architecture, *model_type, *class_name;
};

constexpr DecoderKind kinds[] = {
    {"llama", "llama", "LlamaForCausalLM"},        {"qwen2", "qwen2", "Qwen2ForCausalLM"},
    {"qwen3", "qwen3", "Qwen3ForCausalLM"},        {"gemma", "gemma", "GemmaForCausalLM"},
    {"gemma2", "gemma2", "Gemma2ForCausalLM"},     {"gemma3", "gemma3_text", "Gemma3ForCausalLM"},
    {"phi3", "phi3", "Phi3ForCausalLM"},           {"olmo2", "olmo2", "Olmo2ForCausalLM"},
    {"gptneox", "gpt_neox", "GPTNeoXForCausalLM"},
};

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

/// Sets a value of the rotary positions in both spellings of transformers.
void set_rope(const std::string& key, const Configuration::Value& value, Configuration& into) {
  for (const std::string group : {"rope_scaling.", "rope_parameters."})
    into.set(group + key, value);
}

/// As llama.cpp reads it: a factor is linear scaling where no type is given, none or 0 is no scaling, and old files have it under
/// another key. Phi-3's longrope is read from its tensors.
void set_rope_scaling(const Metadata& metadata, const std::string& architecture, Configuration& into) {
  const std::string key = architecture + ".rope.scaling.";
  const std::string kind = metadata.string_or(key + "type", "linear");
  if (kind == "none" || kind == "longrope")
    return;
  if (kind != "linear" && kind != "yarn")
    metadata.fail(key + "type", "is \"" + kind.substr(0, 40) +
                                    "\"; \"none\", \"linear\", \"yarn\" and \"longrope\" are supported");
  const std::optional<double> given = metadata.number_if(key + "factor");
  const double factor = given ? *given : metadata.number_if(architecture + ".rope.scale_linear").value_or(0);
  if (factor == 0 || factor == 1)
    return;
  set_rope("rope_type", kind, into);
  set_rope("factor", factor, into);
  into.set("rope_scaling.type", kind);
  if (kind != "yarn")
    return;
  if (const double scale = metadata.number_if(key + "attn_factor").value_or(1); scale != 1)
    metadata.fail(key + "attn_factor", "is " + shortest(scale) + "; with yarn only 1 is supported");
  set_rope("original_max_position_embeddings", metadata.integer(key + "original_context_length"), into);
  if (const auto fast = metadata.number_if(key + "yarn_beta_fast"))
    set_rope("beta_fast", *fast, into);
  if (const auto slow = metadata.number_if(key + "yarn_beta_slow"))
    set_rope("beta_slow", *slow, into);
}

/// The head size.
int64_t head_size(const Metadata& metadata, const std::string& architecture, int64_t hidden, int64_t heads) {
  const int64_t size =
      metadata.integer_if(architecture + ".attention.key_length").value_or(heads > 0 ? hidden / heads : 0);
  if (heads == 0 || size == 0 || size % 2 != 0)
    metadata.fail(architecture + ".attention.head_count", "doesn't give heads of even size");
  return size;
}

/// Which part of a head is rotated; families that rotate whole heads must rotate all of it.
void set_rotated_part(const Metadata& metadata, const std::string& architecture, int64_t head_dim,
                      Configuration& into) {
  const std::string key = architecture + ".rope.dimension_count";
  const int64_t rotary = metadata.integer_if(key).value_or(head_dim);
  if (architecture != "phi3" && architecture != "gptneox") {
    if (rotary != head_dim)
      metadata.fail(key, "is " + std::to_string(rotary) + " but the head size is " + std::to_string(head_dim) +
                             "; partial RoPE is not supported");
    return;
  }
  if (rotary < 1 || rotary > head_dim)
    metadata.fail(key, "is " + std::to_string(rotary) + ", expected from 1 to the head size " +
                           std::to_string(head_dim));
  const auto size = static_cast<double>(head_dim);
  double part = static_cast<double>(rotary) / size;
  if (static_cast<int64_t>(size * part) < rotary) // rounded down
    part = std::nextafter(part, 2.0);
  into.set(architecture == "gptneox" ? "rotary_pct" : "partial_rotary_factor", part);
}

/// Phi-3's divisors of the frequencies, which are tensors.
void set_longrope(const GgufFile& file, const Metadata& metadata, Configuration& into) {
  if (file.tensors().count("rope_factors_long.weight") == 0)
    return;
  for (const auto& [tensor, key] :
       {std::pair("rope_factors_long.weight", "long_factor"), {"rope_factors_short.weight", "short_factor"}}) {
    const at::Tensor stored = file.tensor(tensor).to(at::kDouble).contiguous();
    const double* numbers = stored.const_data_ptr<double>();
    set_rope(key, std::vector<double>(numbers, numbers + stored.numel()), into);
  }
  set_rope("rope_type", std::string("longrope"), into);
  into.set("rope_scaling.type", std::string("longrope"));
  if (const auto scale = metadata.number_if("phi3.rope.scaling.attn_factor"))
    set_rope("attention_factor", *scale, into);
  into.set("original_max_position_embeddings", metadata.integer("phi3.rope.scaling.original_context_length"));
}

/// The base of rotary positions, and their scaling. Gemma 3 has another base in layers with a window.
void set_rotary(const GgufFile& file, const Metadata& metadata, const std::string& architecture,
                int64_t head_dim, Configuration& into) {
  const double theta =
      metadata.number_if(architecture + ".rope.freq_base").value_or(10000.0); // llama.cpp's default
  into.set(architecture == "gptneox" ? "rotary_emb_base" : "rope_theta", theta);
  set_rotated_part(metadata, architecture, head_dim, into);
  if (architecture == "gemma3") {
    into.set("rope_local_base_freq",
             metadata.number_if(architecture + ".rope.freq_base_swa").value_or(10000.0));
    if (const auto factor = metadata.number_if("gemma3.rope.scaling.factor"); factor && *factor > 1) {
      into.set("rope_scaling.rope_type", std::string("linear"));
      into.set("rope_scaling.factor", *factor);
    }
    return;
  }
  into.set("rope_parameters.rope_theta", theta);
  into.set("rope_parameters.rope_type", std::string("default"));
  set_rope_scaling(metadata, architecture, into);
  if (architecture == "phi3")
    set_longrope(file, metadata, into);
  else if (file.tensors().count("rope_freqs.weight") > 0)
    set_llama3_scaling(file, head_dim, theta, into);
}

/// Gemma 3's windows as llama.cpp reads them: without a size, or with 0, no layer has one, and all have the rotary base of full attention.
/// The layers that have one are those of an array, or all but every sixth or as many as the file says, where 0 means all.
void set_windows_of_gemma3(const Metadata& metadata, int64_t layers, Configuration& into) {
  const std::string key = "gemma3.attention.sliding_window", pattern = key + "_pattern";
  const int64_t window = metadata.integer_if(key).value_or(0);
  if (window == 0) {
    into.set("sliding_window_pattern", int64_t{1}); // every layer is full
    return;
  }
  into.set("sliding_window", window);
  const GgufValue* value = metadata.find(pattern);
  if (const auto* slides = value ? std::get_if<std::vector<int64_t>>(value) : nullptr) {
    metadata.check_entries(pattern, *slides, layers);
    std::vector<std::string> types;
    for (const int64_t each : *slides)
      types.emplace_back(each != 0 ? "sliding_attention" : "full_attention");
    into.set("layer_types", types);
    return;
  }
  const int64_t period = metadata.integer_if(pattern).value_or(6);
  into.set("sliding_window_pattern", period == 0 ? layers + 1 : period);
}

/// Gemma's settings from the file, and those of its largest models that llama.cpp hard-codes.
void set_gemma(const Metadata& metadata, const std::string& architecture, int64_t head_dim,
               Configuration& into) {
  const std::string prefix = architecture + ".";
  into.set(architecture == "gemma" ? "hidden_act" : "hidden_activation", std::string("gelu_pytorch_tanh"));
  if (architecture == "gemma")
    return;
  const int64_t layers = into.integer("num_hidden_layers");
  const bool largest = layers == (architecture == "gemma2" ? 46 : 62); // the models of 27B
  into.set("query_pre_attn_scalar",
           largest ? into.integer("hidden_size") / into.integer("num_attention_heads", 1) : head_dim);
  const bool third = architecture == "gemma3";
  if (third)
    set_windows_of_gemma3(metadata, layers, into);
  else
    into.set("sliding_window", metadata.integer_if(prefix + "attention.sliding_window").value_or(4096));
  into.set("attn_logit_softcapping",
           metadata.number_if(prefix + "attn_logit_softcapping").value_or(third ? 0.0 : 50.0));
  into.set("final_logit_softcapping",
           metadata.number_if(prefix + "final_logit_softcapping").value_or(third ? 0.0 : 30.0));
}

/// A window that every layer has; 0: none.
void set_window(const Metadata& metadata, const std::string& architecture, Configuration& into) {
  if (const int64_t window = metadata.integer_if(architecture + ".attention.sliding_window").value_or(0);
      window > 0)
    into.set("sliding_window", window);
}

} // namespace

std::string decoder_architectures() {
  std::string names;
  for (const DecoderKind& kind : kinds)
    names += (names.empty() ? "" : ", ") + std::string(kind.architecture);
  return names;
}

bool set_decoder(const GgufFile& file, const Metadata& metadata, const std::string& architecture,
                 Configuration& into) {
  const auto* kind = std::find_if(std::begin(kinds), std::end(kinds),
                                  [&](const DecoderKind& each) { return architecture == each.architecture; });
  if (kind == std::end(kinds))
    return false;
  const std::string prefix = architecture + ".";
  const int64_t hidden = metadata.integer(prefix + "embedding_length");
  const int64_t layers = metadata.integer(prefix + "block_count");
  const int64_t heads = metadata.layer_integer(prefix + "attention.head_count", layers);
  const int64_t head_dim = head_size(metadata, architecture, hidden, heads);
  if (metadata.integer_if(prefix + "expert_count").value_or(0) > 0)
    metadata.fail(prefix + "expert_count", "is positive: mixture-of-experts models are not supported");
  into.set("architectures", std::vector<std::string>{kind->class_name});
  into.set("model_type", std::string(kind->model_type));
  into.set("hidden_size", hidden);
  into.set("num_hidden_layers", layers);
  into.set("num_attention_heads", heads);
  into.set("num_key_value_heads",
           metadata.layer_integer_if(prefix + "attention.head_count_kv", layers).value_or(heads));
  into.set("head_dim", head_dim);
  into.set("intermediate_size", metadata.layer_integer(prefix + "feed_forward_length", layers));
  set_rotary(file, metadata, architecture, head_dim, into);
  into.set("max_position_embeddings", metadata.integer(prefix + "context_length"));
  into.set("vocab_size", vocab_size(file, metadata, architecture));
  into.set("tie_word_embeddings", file.tensors().count("output.weight") == 0);
  if (architecture == "gptneox") {
    into.set("layer_norm_eps", metadata.number(prefix + "attention.layer_norm_epsilon"));
    into.set("hidden_act", std::string("gelu"));
    into.set("use_parallel_residual", metadata.flag_or(prefix + "use_parallel_residual", true));
    into.set("attention_bias", file.tensors().count("blk.0.attn_qkv.bias") > 0);
  } else {
    into.set("rms_norm_eps", metadata.number(prefix + "attention.layer_norm_rms_epsilon"));
    into.set("attention_bias", file.tensors().count("blk.0.attn_q.bias") > 0);
    into.set("mlp_bias", file.tensors().count("blk.0.ffn_up.bias") > 0);
    if (architecture.starts_with("gemma"))
      set_gemma(metadata, architecture, head_dim, into);
    else
      into.set("hidden_act", std::string("silu"));
  }
  if (architecture == "phi3")
    set_window(metadata, architecture, into);
  set_token_ids(metadata, into);
  return true;
}

} // namespace cuecard
