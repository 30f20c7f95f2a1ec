/// For tests of families whose decoder is Llama's with differences: a small configuration, and what is outside the layers.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <ATen/ATen.h>

#include <cuecard/configuration.hpp>
#include <cuecard/testing/conformance/outside_layers.hpp>

namespace cuecard::testing {

/// Two layers, hidden size 24, four heads, two key/value heads, 50 tokens and 32 positions.
inline std::map<std::string, Configuration::Value> small_llama() {
  return {{"num_hidden_layers", int64_t{2}},
          {"hidden_size", int64_t{24}},
          {"num_attention_heads", int64_t{4}},
          {"num_key_value_heads", int64_t{2}},
          {"intermediate_size", int64_t{30}},
          {"vocab_size", int64_t{50}},
          {"rms_norm_eps", 1e-6},
          {"max_position_embeddings", int64_t{32}}};
}

/// Word embeddings before the layers, and an RMS norm with an epsilon of 1e-6 after them.
inline OutsideLayers outside_llama_layers() {
  const auto embed = [](const Backbone& model, const at::Tensor& ids, const at::Tensor&) {
    return model.weights().at("model.embed_tokens.weight").index_select(0, ids);
  };
  const auto final_norm = [](const Backbone& model, const at::Tensor& x) {
    return x / (x.square().mean(1, true) + 1e-6).sqrt() * model.weights().at("model.norm.weight");
  };
  return {embed, final_norm};
}

} // namespace cuecard::testing
