#include <doctest/doctest.h>

#include <ATen/ops/ones.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>

#include "engine/checks/weight_checks.hpp"

using namespace cuecard;

namespace {

/// Tensors that are stored as they are given.
class Given : public ModelWeights {
public:
  explicit Given(std::map<std::string, at::Tensor> tensors)
      : ModelWeights(NumberFormat(), at::kCPU), tensors_(std::move(tensors)) {}

  bool has(std::string_view name) const override { return tensors_.contains(std::string(name)); }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_)
      names.push_back(name);
    return names;
  }
  at::Tensor get(std::string_view name, at::IntArrayRef) const override {
    return tensors_.at(std::string(name));
  }
  StoredTensor stored(std::string_view name) const override {
    const at::Tensor& tensor = tensors_.at(std::string(name));
    return {tensor.is_floating_point() ? "F32" : "I8", tensor.sizes().vec(), 0, tensor.scalar_type()};
  }

private:
  std::map<std::string, at::Tensor> tensors_;
};

class Loaded : public testing::NoBackbone {
public:
  explicit Loaded(std::map<std::string, at::Tensor> weights) : taken_(std::move(weights)) {
    shape_.family = "llama";
  }
  const std::map<std::string, at::Tensor>& weights() const override { return taken_; }

private:
  std::map<std::string, at::Tensor> taken_;
};

const at::Tensor one = at::ones({1});

} // namespace

TEST_CASE("tensors of blocks that the backbone doesn't know are reported; heads and buffers are not") {
  const Loaded loaded({{"model.layers.0.up.weight", one}, {"model.norm.weight", one}});
  const std::map<std::string, at::Tensor> known{{"model.layers.0.up.weight", one},
                                                {"model.norm.weight", one},
                                                {"model.layers.0.self_attn.rotary_emb.inv_freq", one},
                                                {"embeddings.position_ids", one},
                                                {"lm_head.weight", one},
                                                {"model.layers.1.up.weight", one}};
  CHECK(check_weights(Given(known), loaded, "m")
            .empty()); // a layer beyond those that the model has is left out as a whole
  std::map<std::string, at::Tensor> more = known;
  more["model.layers.0.q_norm.weight"] = one;
  CHECK(check_weights(Given(more), loaded, "m") ==
        std::vector<std::string>{
            "m: 1 tensor of its layers is not read, \"model.layers.0.q_norm.weight\"; see whether "
            "\"model_type\" (llama) and the other keys of config.json fit the weights."});
}

TEST_CASE("weights that are integers are refused") {
  const at::Tensor codes = at::ones({1}, at::kChar);
  const Loaded loaded({{"model.layers.0.up.weight", codes}});
  CHECK_THROWS_WITH(
      check_weights(Given({{"model.layers.0.up.weight", codes}}), loaded, "m"),
      "m: tensor \"model.layers.0.up.weight\" is stored as I8, and floating-point numbers were expected; if "
      "the file is quantised, use the model's original weights or a GGUF file.");
  CHECK(check_weights(Given({{"position_ids", codes}, {"model.layers.0.up.weight", one}}),
                      Loaded({{"model.layers.0.up.weight", one}}), "m")
            .empty());
}
