#include "gemma.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <cuecard/error.hpp>
#include <cuecard/parts/attention/windows.hpp>

namespace cuecard::gemma {

namespace {

/// Defaults for keys that config.json lacks.
DecoderDefaults defaults_of(const std::string& type) {
  DecoderDefaults defaults{.layers = 26,
                           .hidden = 2304,
                           .heads = 8,
                           .intermediate = 9216,
                           .vocabulary = type == "gemma3_text" ? 262208 : 256000,
                           .kv_heads = 4,
                           .head_dim = 256,
                           .tied = true,
                           .activation = "gelu_pytorch_tanh",
                           .activation_key = "hidden_activation"};
  if (type == "gemma") {
    defaults.layers = 28;
    defaults.hidden = 3072;
    defaults.heads = defaults.kv_heads = 16;
    defaults.intermediate = 24576;
    defaults.activation_key = "hidden_act";
  }
  return defaults;
}

/// Gemma 1's first files say "gelu" but mean its tanh approximation, as transformers reads them.
Configuration with_activation(const Configuration& c, const std::string& type) {
  Configuration result = c;
  if (type == "gemma" && c.text_or("hidden_act", "gelu") == "gelu")
    result.set("hidden_act", std::string("gelu_pytorch_tanh"));
  return result;
}

/// Gemma 3's rotary positions: of layers with full attention, and of those with a window, for which files of transformers 4 have a
/// separate base and `rope_scaling` doesn't apply.
std::vector<Rope> ropes_of_3(const Configuration& c, int64_t head_dim) {
  Configuration local(c.origin());
  for (const auto& [key, value] : c.values())
    if (!key.starts_with("rope_") || key.starts_with("rope_parameters.sliding_attention."))
      local.set(key, value);
    else if (key == "rope_local_base_freq")
      local.set("rope_theta", value);
  return {Rope(c, head_dim, {.theta = 1e6, .layers = "full_attention"}),
          Rope(local, head_dim, {.theta = 1e4, .layers = "sliding_attention"})};
}

double cap_of(const Configuration& c, const std::string& key, double fallback) {
  const double cap = c.number_or(key, fallback);
  if (!(cap >= 0) || !std::isfinite(cap))
    throw DataError(c.origin() + ": " + key + " is " + std::to_string(cap) +
                    "; expected a positive number, or null for none.");
  return cap;
}

/// What Gemma 2 and 3 add.
void add_windows_and_caps(const Configuration& c, bool third, DecoderFamily& family) {
  family.norms = {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                  "post_feedforward_layernorm"};
  const double scalar = c.number_or("query_pre_attn_scalar", 256);
  if (!(scalar > 0) || !std::isfinite(scalar))
    throw DataError(c.origin() + ": query_pre_attn_scalar is " + std::to_string(scalar) +
                    "; expected a positive number.");
  family.scores_scale = 1 / std::sqrt(scalar);
  // transformers reads Gemma 3's key and uses it nowhere.
  family.scores_cap = third ? 0 : cap_of(c, "attn_logit_softcapping", 50);
  family.logits_cap = cap_of(c, "final_logit_softcapping", third ? 0 : 30);
  const int64_t every = c.integer_or("sliding_window_pattern", third ? 6 : 2, 1);
  const int64_t period = third ? every : 2; // the key is Gemma 3's
  family.windows = windows_in(
      sliding_layers(c, family.configuration.layers, [&](int64_t layer) { return (layer + 1) % period != 0; }),
      c.has("sliding_window") || c.boolean_or("use_sliding_window", true) // false: a null window
          ? c.integer_or("sliding_window", 4096, 1)
          : 0);
}

DecoderFamily family_of(const Configuration& file) {
  const std::string type = file.text_or("model_type", "gemma");
  const Configuration c = with_activation(file, type);
  if (c.boolean_or("use_bidirectional_attention", false))
    throw DataError(c.origin() + ": use_bidirectional_attention is true; this backbone has causal attention "
                                 "only, as the language models of this family do.");
  const DecoderConfiguration configuration(c, defaults_of(type));
  const bool third = type == "gemma3_text";
  const std::vector<Rope> ropes =
      third ? ropes_of_3(c, configuration.head_dim) : std::vector<Rope>{Rope(c, configuration.head_dim)};
  DecoderFamily family("gemma", configuration, ropes.front());
  family.ropes = ropes;
  family.norms_plus_one = true;
  family.embedding_scale = std::sqrt(static_cast<double>(configuration.hidden));
  family.input_bias = family.output_bias = c.boolean_or("attention_bias", false);
  if (third)
    family.head_norms = DecoderFamily::HeadNorms::each_head;
  if (type != "gemma")
    add_windows_and_caps(c, third, family);
  return family;
}

} // namespace

BackboneShape Gemma::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

Gemma::Gemma(const BackboneArguments& arguments)
    : DecoderBackbone(arguments, family_of(arguments.configuration)) {}

} // namespace cuecard::gemma
