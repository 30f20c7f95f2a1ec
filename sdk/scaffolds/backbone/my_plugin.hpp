/// The backbone `my-plugin`: a small decoder from scratch. Word and position embeddings, layers of causal self-attention and a
/// feed-forward network with residual connections (Vaswani et al. 2017, "Attention Is All You Need", section 3), no norms, and the
/// word embeddings as the head.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>

namespace my_plugin {

class MyPlugin final : public cuecard::LoadedBackbone {
public:
  /// The sizes that config.json gives, without weights.
  static cuecard::BackboneShape describe(const cuecard::Configuration& configuration);

  explicit MyPlugin(const cuecard::BackboneArguments& arguments);

  at::Tensor forward(const cuecard::ForwardArgs& args) const override;
  at::Tensor project(const cuecard::ProjectArgs& args) const override;

private:
  struct Layer {
    cuecard::Linear query, key, value, output, up, down;
  };
  at::Tensor run(int64_t index, const at::Tensor& x, const cuecard::ForwardPass& pass) const;

  at::Tensor positions_; ///< [max positions, hidden]
  std::vector<Layer> layers_;
};

} // namespace my_plugin
