// Trainable weights, the state in a card, and errors. Gradients on real backbones are in tests/engine.
#include "fine_tuning.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_vocabulary.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::testing;

namespace {

/// A model of four weights that computes nothing.
class WeighedBackbone final : public Backbone {
public:
  explicit WeighedBackbone(at::ScalarType type) {
    shape_.family = "weighed";
    for (const char* name : {"dense.bias", "norm.bias", "norm.weight"})
      weights_[name] = at::arange(3).to(type);
    weights_["dense.weight"] = at::arange(6).view({3, 2}).to(type);
  }
  const BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return at::kCPU; }
  at::Tensor token_vectors(TokenTable, const at::Tensor& ids) const override { return ids; }
  at::Tensor token_dot_products(TokenTable, const at::Tensor& vectors) const override { return vectors; }
  at::Tensor forward(const ForwardArgs&) const override { return {}; }
  at::Tensor project(const ProjectArgs& args) const override { return args.hidden; }
  const std::map<std::string, at::Tensor>& weights() const override { return weights_; }
  const std::vector<LinearLayer>& linear_layers() const override { return linear_layers_; }

  std::map<std::string, at::Tensor> weights_;
  std::vector<LinearLayer> linear_layers_;
  BackboneShape shape_;
};

struct Prepared {
  explicit Prepared(const std::string& what, at::ScalarType type = at::kFloat, int64_t hidden = 3)
      : backbone(type) {
    backbone.shape_.hidden = hidden;
    Options options;
    options.set("what", what);
    options.set("weight-decay", 0.01);
    tuner = std::make_unique<FineTuning>(options);
    tuner->prepare(Problem{backbone, vocabulary, {}, 1});
  }

  WeighedBackbone backbone;
  NoVocabulary vocabulary;
  std::unique_ptr<FineTuning> tuner;
};

std::vector<std::string> names(const TensorMap& tensors) {
  std::vector<std::string> result;
  for (const auto& [name, tensor] : tensors)
    result.push_back(name);
  return result;
}

} // namespace

TEST_CASE("trainable weights are new leaves equal to the model's weights") {
  const Prepared all("all"), bias("bias"), head("head");
  CHECK(names(all.tuner->replaced_weights()) ==
        std::vector<std::string>{"dense.bias", "dense.weight", "norm.bias", "norm.weight"});
  CHECK(names(bias.tuner->replaced_weights()) == std::vector<std::string>{"dense.bias", "norm.bias"});
  CHECK(head.tuner->replaced_weights().empty());
  CHECK(head.tuner->parameters().empty());
  for (const auto& [name, leaf] : all.tuner->replaced_weights()) {
    const at::Tensor& original = all.backbone.weights_.at(name);
    CHECK(at::equal(leaf, original));
    CHECK(leaf.requires_grad());
    CHECK(leaf.is_leaf());
    CHECK(leaf.const_data_ptr() != original.const_data_ptr());
  }
}

TEST_CASE("weight decay applies to matrices only") {
  const Prepared all("all");
  const std::vector<ParameterGroup> groups = all.tuner->parameters();
  REQUIRE(groups.size() == 2);
  for (const ParameterGroup& group : groups)
    for (const at::Tensor& tensor : group.tensors)
      CHECK(group.weight_decay == (tensor.dim() == 2 ? 0.01 : 0.0));
  CHECK(groups[0].tensors.size() + groups[1].tensors.size() == 4);
}

TEST_CASE("a card stores the changed weights and their number, and restores them") {
  Prepared from("all"), to("all");
  CHECK(from.tuner->state(0).tensors.empty());
  {
    const at::NoGradGuard no_grad;
    from.tuner->replaced_weights().at("dense.weight").add_(1);
    to.tuner->replaced_weights().at("norm.bias").add_(5); // overwritten by load_state
  }
  const ComponentState state = from.tuner->state(0);
  CHECK(names(state.tensors) == std::vector<std::string>{"dense.weight"});
  CHECK(state.texts.at("weights") == "this card holds 6 of the model's 15 weights, in 1 tensor");
  to.tuner->load_state(state);
  for (const auto& [name, leaf] : to.tuner->replaced_weights())
    CHECK(at::equal(leaf, from.tuner->replaced_weights().at(name)));
}

TEST_CASE("weights that can't be trained and states that don't fit are refused") {
  CHECK_THROWS_WITH_AS(Prepared("all", at::kBFloat16), doctest::Contains("--dtype float32"), UsageError);
  Prepared bias("bias");
  const at::Tensor wrong_shape = at::zeros({2}), integers = at::zeros({3}, at::kLong);
  CHECK_THROWS_WITH_AS(bias.tuner->load_state({{{"dense.weight", at::zeros({3, 2})}}, {}}),
                       doctest::Contains("dense.weight"), DataError);
  CHECK_THROWS_AS(bias.tuner->load_state({{{"norm.bias", wrong_shape}}, {}}), DataError);
  CHECK_THROWS_AS(bias.tuner->load_state({{{"norm.bias", integers}}, {}}), DataError);
  WeighedBackbone unbiased(at::kFloat);
  unbiased.weights_.erase("dense.bias");
  unbiased.weights_.erase("norm.bias");
  CHECK_THROWS_WITH_AS(bias.tuner->prepare(Problem{unbiased, bias.vocabulary, {}, 1}),
                       doctest::Contains("what=all"), UsageError);
}

TEST_CASE("defaults are those of the papers and don't override the request") {
  const Prepared all("all"), bias("bias");
  CHECK(all.tuner->defaults({}).learning_rate == 2e-5);
  CHECK(all.tuner->defaults({}).epochs == 3);
  CHECK(bias.tuner->defaults({}).learning_rate == 1e-3);
  CHECK(Prepared("all", at::kFloat, 4096).tuner->defaults({}).learning_rate == doctest::Approx(1e-5));
  FitRequest request;
  request.learning_rate = 5;
  request.steps = 7;
  CHECK(all.tuner->defaults(request).learning_rate == 5);
  CHECK(!all.tuner->defaults(request).epochs);
}
