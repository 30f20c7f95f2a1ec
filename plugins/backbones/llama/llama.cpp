#include "llama.hpp"

#include <string>
#include <vector>

#include <cuecard/parts/attention/windows.hpp>

namespace cuecard::llama {

namespace {

/// Defaults for keys that config.json lacks.
DecoderDefaults defaults_of(const std::string& type) {
  if (type == "mistral")
    return {.intermediate = 14336, .kv_heads = 8};
  if (type.starts_with("qwen"))
    return {.intermediate = 22016, .vocabulary = 151936, .head_dim = type == "qwen3" ? 128 : 0};
  return {};
}

/// BackboneShape::windows. Qwen's files give a window that is used only if they enable it, and then in the layers that they list or
/// from `max_window_layers` on. Mistral's have one in the layers that they list, as Ministral's do, or in all layers, even if the key is
/// missing. `use_sliding_window` is no key of Mistral's: without a window, it is what a null window is read as.
std::vector<int64_t> windows_of(const Configuration& c, const std::string& type, int64_t layers) {
  const bool enabled = type == "mistral" ? c.has("sliding_window") || c.boolean_or("use_sliding_window", true)
                                         : type != "llama" && c.boolean_or("use_sliding_window", false);
  if (!enabled)
    return {};
  const int64_t from = type == "mistral" ? 0 : c.integer_or("max_window_layers", 28);
  return windows_in(sliding_layers(c, layers, [from](int64_t layer) { return layer >= from; }),
                    c.integer_or("sliding_window", 4096, 1));
}

DecoderFamily family_of(const Configuration& c) {
  const std::string type = c.text_or("model_type", "llama");
  const DecoderConfiguration configuration(c, defaults_of(type));
  DecoderFamily family("llama", configuration, Rope(c, configuration.head_dim));
  family.windows = windows_of(c, type, configuration.layers);
  const bool biased = c.boolean_or("attention_bias", false);
  family.input_bias = type == "qwen2" || (type != "mistral" && biased);
  family.output_bias = (type == "llama" || type == "qwen3") && biased;
  family.feed_forward_bias = type == "llama" && c.boolean_or("mlp_bias", false);
  if (type == "qwen3")
    family.head_norms = DecoderFamily::HeadNorms::each_head;
  return family;
}

} // namespace

BackboneShape Llama::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

Llama::Llama(const BackboneArguments& arguments)
    : DecoderBackbone(arguments, family_of(arguments.configuration)) {}

} // namespace cuecard::llama
