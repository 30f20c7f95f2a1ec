// Targeted layers, initial values, state and adopted updates. Training steps are compared with PEFT's in tests/parity.
#include "lora.hpp"

#include <cmath>
#include <functional>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_vocabulary.hpp>

#include "layered_backbone.hpp"

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::testing;

namespace {

Options options(int64_t rank = 2, double alpha = 4, const std::string& targets = "auto", bool rs_lora = false) {
  Options options;
  options.set("rank", rank);
  options.set("alpha", alpha);
  options.set("rs-lora", rs_lora);
  options.set("dropout", 0.25);
  options.set("targets", targets);
  options.set("weight-decay", 0.0);
  return options;
}

struct Prepared {
  LayeredBackbone backbone;
  NoVocabulary vocabulary;
  Lora tuner;

  explicit Prepared(const Options& options, std::vector<LinearLayer> layers = llama_layers(),
                    int64_t hidden = 6, uint64_t seed = 1)
      : backbone(std::move(layers)), tuner(options) {
    backbone.shape_.hidden = hidden;
    tuner.prepare({backbone, vocabulary, {}, seed, {}, {}});
  }
  explicit Prepared(const std::string& targets, std::vector<LinearLayer> layers = llama_layers())
      : Prepared(options(2, 4, targets), std::move(layers)) {}

  std::vector<std::string> weights() const {
    std::vector<std::string> names;
    for (const LowRankUpdate& update : tuner.condition({}).low_rank)
      names.push_back(update.weight);
    return names;
  }
};

std::string usage_error(const std::string& targets) {
  try {
    const Prepared prepared(targets);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// An update of every layer, of rank `rank` times its number.
Conditioning trained(const std::vector<std::string>& weights, int64_t rank, double scale) {
  Conditioning conditioning;
  for (const std::string& weight : weights) {
    const int64_t r = rank + std::ssize(conditioning.low_rank);
    conditioning.low_rank.push_back({weight, at::randn({r, 6}), at::randn({4, r}), scale, 0});
  }
  return conditioning;
}

} // namespace

TEST_CASE("auto selects PEFT's modules of each family, all-linear every layer") {
  CHECK(Prepared("auto").weights() == std::vector<std::string>{q0, v0, q1, v1});
  CHECK(Prepared("all-linear").weights().size() == llama_layers().size());
  CHECK(Prepared("auto", {{"h.0.attn.c_attn.weight", 9, 3}, {"h.0.mlp.c_proj.weight", 3, 9}}).weights() ==
        std::vector<std::string>{"h.0.attn.c_attn.weight"});
  CHECK(Prepared("auto",
                 {{"a.self.query.weight", 3, 3}, {"a.self.key.weight", 3, 3}, {"a.self.value.weight", 3, 3}})
            .weights() == std::vector<std::string>{"a.self.query.weight", "a.self.value.weight"});
  for (const std::string fused : {"a.query_key_value.weight", "a.qkv_proj.weight"})
    CHECK(Prepared("auto", {{fused, 9, 3}, {"a.dense.weight", 3, 3}}).weights() ==
          std::vector<std::string>{fused});
  CHECK(Prepared("auto", {{"a.q.weight", 3, 3}, {"a.k.weight", 3, 3}, {"a.v.weight", 3, 3}}).weights() ==
        std::vector<std::string>{"a.q.weight", "a.v.weight"});
}

TEST_CASE("targets are ends of module names at a dot, or whole names") {
  CHECK(Prepared("k_proj").weights().size() == 2);
  CHECK(Prepared("0.self_attn.q_proj, layers.1.mlp.down_proj").weights() ==
        std::vector<std::string>{q0, down1});
  CHECK(Prepared("model.layers.1.self_attn.v_proj").weights() == std::vector<std::string>{v1});
  CHECK(Prepared(v1 + "," + q0).weights() == std::vector<std::string>{q0, v1});
  const std::string unknown = usage_error("q_proj,v_prj");
  CHECK(contains(
      unknown,
      "\"v_prj\", which is not a linear layer of the tiny model; its layers are q_proj, k_proj, v_proj, down_proj."));
  CHECK(contains(unknown, "Did you mean \"v_proj\"?"));
  CHECK(contains(usage_error("proj"), "\"proj\""));
  CHECK(contains(usage_error("q_proj,,v_proj"), "empty name"));
}

TEST_CASE("models without known, or without any, linear layers are refused with advice") {
  CHECK_THROWS_WITH_AS(Prepared("auto", {{"a.w1.weight", 3, 3}}),
                       doctest::Contains("set targets to some of w1, or to all-linear"), UsageError);
  CHECK_THROWS_WITH_AS(Prepared("auto", {}), doctest::Contains("use prompt-tuning"), UsageError);
}

TEST_CASE("A is uniform within 1 / sqrt(in), B is zero, and layers and seeds differ") {
  const Prepared prepared(options(64, 16), {{"a.q_proj.weight", 32, 400}, {"a.v_proj.weight", 32, 400}});
  const Conditioning conditioning = prepared.tuner.condition({});
  const at::Tensor a = conditioning.low_rank.at(0).a;
  CHECK(a.sizes() == at::IntArrayRef({64, 400}));
  CHECK(a.abs().max().item<double>() <= 0.05);
  CHECK(a.std().item<double>() == doctest::Approx(0.05 / std::sqrt(3.0)).epsilon(0.02));
  CHECK(std::abs(a.mean().item<double>()) < 1e-3);
  CHECK(conditioning.low_rank[0].b.sizes() == at::IntArrayRef({32, 64}));
  CHECK(!conditioning.low_rank[0].b.any().item<bool>());
  CHECK(!at::equal(a, conditioning.low_rank[1].a));
  const Prepared other(options(64, 16), {{"a.q_proj.weight", 32, 400}, {"a.v_proj.weight", 32, 400}}, 6, 2);
  CHECK(!at::equal(a, other.tuner.condition({}).low_rank[0].a));
}

TEST_CASE("the scale is alpha / r, with rs-lora alpha / sqrt(r)") {
  CHECK(Prepared(options(4, 6)).tuner.condition({}).low_rank[0].scale == 1.5);
  CHECK(Prepared(options(4, 6, "auto", true)).tuner.condition({}).low_rank[0].scale == 3);
  CHECK(Prepared(options()).tuner.condition({}).low_rank[0].dropout == 0.25);
}

TEST_CASE("every A and B is trained, and the number of parameters is r (in + out) per layer") {
  Prepared prepared("auto");
  int64_t count = 0;
  for (const ParameterGroup& group : prepared.tuner.parameters())
    for (const at::Tensor& tensor : group.tensors) {
      CHECK(tensor.requires_grad());
      CHECK(tensor.is_leaf());
      count += tensor.numel();
    }
  CHECK(count == 2 * 2 * ((6 + 6) + (4 + 6)));
}

TEST_CASE("a state is loaded exactly, and other states are refused") {
  Prepared from("auto");
  for (const auto groups = from.tuner.parameters(); const at::Tensor& tensor : groups.at(0).tensors)
    tensor.detach().normal_();
  const ComponentState state = from.tuner.state(0);
  Prepared to(options(), llama_layers(), 6, 9);
  to.tuner.load_state(state);
  for (const auto& [name, tensor] : to.tuner.state(0).tensors)
    CHECK(at::equal(tensor, state.tensors.at(name)));
  CHECK(to.tuner.parameters()[0].tensors[0].requires_grad());

  const auto error = [&](const std::function<void(TensorMap&)>& change) {
    ComponentState changed = state;
    change(changed.tensors);
    try {
      to.tuner.load_state(changed);
    } catch (const DataError& data_error) {
      return std::string(data_error.what());
    }
    return std::string();
  };
  CHECK(contains(error([](TensorMap& t) { t.erase(q0 + ".a"); }),
                 "has 7 tensors of low-rank updates; expected 8"));
  CHECK(contains(
      error([](TensorMap& t) {
        t[q0 + ".a"] = at::zeros({3, 6});
      }),
      "has A of 3 x 6 and B of 6 x 2; expected floating-point matrices of r x 6 and 6 x r with r from 1 to 2"));
  CHECK(contains(error([](TensorMap& t) { t[q0 + ".b"] = at::zeros({6, 2}, at::kInt); }), q0));
  CHECK(contains(error([](TensorMap& t) {
                   t.erase(v1 + ".b");
                   t["other.b"] = at::zeros({4, 2});
                 }),
                 "and B of nothing"));
}

TEST_CASE("adopted updates keep their rank, and their scale through B") {
  const std::vector<std::string> weights{v0, v1};
  Prepared prepared(options(3, 3, v0 + "," + v1)); // scale 1
  const Conditioning given = trained(weights, 2, 0.5);
  std::string why;
  REQUIRE(prepared.tuner.adopt(given, why));
  const Conditioning conditioning = prepared.tuner.condition({});
  for (std::size_t i = 0; i < 2; ++i) {
    const LowRankUpdate &before = given.low_rank[i], &after = conditioning.low_rank[i];
    CHECK(after.a.size(0) == 2 + static_cast<int64_t>(i));
    CHECK(at::allclose(after.b.matmul(after.a) * after.scale, before.b.matmul(before.a) * before.scale));
    CHECK(after.b.requires_grad());
  }
  Prepared again(options(3, 3, v0 + "," + v1));
  again.tuner.load_state(prepared.tuner.state(0));
  CHECK(at::equal(again.tuner.condition({}).low_rank[0].a, conditioning.low_rank[0].a));
}

TEST_CASE("updates that don't fit are not adopted") {
  Prepared prepared(options(3, 3, v0 + "," + v1));
  const auto why_not = [&](const Conditioning& given) {
    std::string why;
    CHECK(!prepared.tuner.adopt(given, why));
    return why;
  };
  CHECK(contains(why_not(trained({v0}, 2, 1)), "updates 1 layer, and targets selects 2"));
  CHECK(contains(why_not(trained({v0, q0}, 2, 1)), "does not update \"" + v1 + "\""));
  CHECK(contains(why_not(trained({v0, v1}, 3, 1)), "r from 1 to 3"));
  Conditioning more = trained({v0, v1}, 2, 1);
  more.embeddings = at::zeros({1, 6});
  CHECK(contains(why_not(more), "only low-rank updates"));
}

TEST_CASE("defaults are the paper's and don't override the request") {
  CHECK(Prepared("auto").tuner.defaults({}).learning_rate == 4e-4);
  CHECK(Prepared(options(), llama_layers(), 4096).tuner.defaults({}).learning_rate == doctest::Approx(2e-4));
  FitRequest request;
  request.learning_rate = 1;
  request.steps = 3;
  CHECK(Prepared("auto").tuner.defaults(request).learning_rate == 1);
  CHECK(!Prepared("auto").tuner.defaults(request).epochs);
}
