/// For this plugin's tests: a model with linear layers but no forward pass.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <cuecard/testing/no_backbone.hpp>

namespace cuecard::testing {

class LayeredBackbone final : public NoBackbone {
public:
  explicit LayeredBackbone(std::vector<LinearLayer> layers) : layers_(std::move(layers)) {
    shape_.family = "tiny";
  }
  const std::vector<LinearLayer>& linear_layers() const override { return layers_; }

private:
  std::vector<LinearLayer> layers_;
};

inline const std::string q0 = "model.layers.0.self_attn.q_proj.weight",
                         v0 = "model.layers.0.self_attn.v_proj.weight",
                         q1 = "model.layers.1.self_attn.q_proj.weight",
                         v1 = "model.layers.1.self_attn.v_proj.weight",
                         down1 = "model.layers.1.mlp.down_proj.weight";

/// Two layers of hidden size 6, with keys and values of 4 and a feed-forward network of 8.
inline std::vector<LinearLayer> llama_layers() {
  std::vector<LinearLayer> layers;
  for (const char* layer : {"model.layers.0.", "model.layers.1."}) {
    const std::string at = layer;
    layers.push_back({at + "self_attn.q_proj.weight", 6, 6});
    layers.push_back({at + "self_attn.k_proj.weight", 4, 6});
    layers.push_back({at + "self_attn.v_proj.weight", 4, 6});
    layers.push_back({at + "mlp.down_proj.weight", 6, 8});
  }
  return layers;
}

} // namespace cuecard::testing
