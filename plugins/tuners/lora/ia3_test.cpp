// Rescaled layers and sides, state and adopted factors of (IA)^3.
#include "ia3.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_vocabulary.hpp>

#include "layered_backbone.hpp"

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::testing;

namespace {

struct Prepared {
  LayeredBackbone backbone;
  NoVocabulary vocabulary;
  Ia3 tuner;

  explicit Prepared(const std::string& targets = "auto", const std::string& feed_forward = "auto",
                    std::vector<LinearLayer> layers = llama_layers())
      : backbone(std::move(layers)), tuner(options(targets, feed_forward)) {
    tuner.prepare({backbone, vocabulary, {}, 1, {}, {}});
  }

  static Options options(const std::string& targets, const std::string& feed_forward) {
    Options options;
    options.set("targets", targets);
    options.set("feed-forward", feed_forward);
    options.set("weight-decay", 0.0);
    return options;
  }
};

} // namespace

TEST_CASE("auto rescales keys, values and the input of the second feed-forward layer, by ones at first") {
  const std::vector<Rescaling> rescalings = Prepared().tuner.condition({}).rescalings;
  REQUIRE(rescalings.size() == 6);
  CHECK(rescalings[0].weight == "model.layers.0.self_attn.k_proj.weight");
  CHECK(!rescalings[0].of_input);
  CHECK(at::equal(rescalings[0].factors, at::ones({4})));
  CHECK(rescalings[5].weight == down1);
  CHECK(rescalings[5].of_input);
  CHECK(at::equal(rescalings[5].factors, at::ones({8})));
  CHECK(rescalings[5].factors.requires_grad());
  const std::vector<LinearLayer> gpt2{
      {"h.0.attn.c_attn.weight", 9, 3}, {"h.0.attn.c_proj.weight", 3, 3}, {"h.0.mlp.c_proj.weight", 3, 12}};
  CHECK(Prepared("auto", "auto", gpt2).tuner.condition({}).rescalings.size() == 2);
  for (const auto& [attention, feed_forward] : {std::pair{"a.query_key_value.weight", "m.dense_4h_to_h.weight"},
                                                {"a.qkv_proj.weight", "m.down_proj.weight"}}) {
    const std::vector<LinearLayer> fused{{attention, 9, 3}, {"m.up.weight", 12, 3}, {feed_forward, 3, 12}};
    const std::vector<Rescaling> of_both = Prepared("auto", "auto", fused).tuner.condition({}).rescalings;
    REQUIRE(of_both.size() == 2);
    CHECK(!of_both[0].of_input);
    CHECK(of_both[1].of_input);
  }
}

TEST_CASE("feed-forward chooses the layers whose input is rescaled") {
  CHECK(!Prepared("down_proj", "none").tuner.condition({}).rescalings[0].of_input);
  CHECK(Prepared("q_proj", "q_proj").tuner.condition({}).rescalings[0].of_input);
  CHECK_THROWS_WITH_AS(Prepared("q_prj"), doctest::Contains("Did you mean \"q_proj\"?"), UsageError);
}

TEST_CASE("a state is loaded, whichever side it rescales, and other states are refused") {
  Prepared from("q_proj", "q_proj"), to("q_proj");
  for (const auto groups = from.tuner.parameters(); const at::Tensor& tensor : groups.at(0).tensors)
    tensor.detach().normal_();
  const ComponentState state = from.tuner.state(0);
  CHECK(state.tensors.count(q0 + ".input") == 1);
  to.tuner.load_state(state);
  CHECK(to.tuner.condition({}).rescalings[0].of_input);
  CHECK(at::equal(to.tuner.state(0).tensors.at(q1 + ".input"), state.tensors.at(q1 + ".input")));
  CHECK_THROWS_WITH_AS(to.tuner.load_state({}), doctest::Contains("factors of 0 layers; expected 2"),
                       DataError);
  ComponentState wrong = state;
  wrong.tensors[q0 + ".input"] = at::ones({5});
  CHECK_THROWS_WITH_AS(to.tuner.load_state(wrong), doctest::Contains("or 6 for its input; found 5"), DataError);
  wrong = state;
  wrong.tensors.erase(q0 + ".input");
  wrong.tensors["other"] = at::ones({6});
  CHECK_THROWS_WITH_AS(to.tuner.load_state(wrong),
                       doctest::Contains("has no factors of \"model.layers.0.self_attn.q_proj.weight\""),
                       DataError);
}

TEST_CASE("matching factors are adopted, others are not") {
  Prepared prepared("v_proj");
  Conditioning given;
  given.rescalings = {{v1, at::full({6}, 2.0), true}, {v0, at::full({4}, 3.0), false}};
  std::string why;
  REQUIRE(prepared.tuner.adopt(given, why));
  const std::vector<Rescaling> adopted = prepared.tuner.condition({}).rescalings;
  CHECK(at::equal(adopted[0].factors, at::full({4}, 3.0)));
  CHECK(!adopted[0].of_input);
  CHECK(at::equal(adopted[1].factors, at::full({6}, 2.0)));
  CHECK(adopted[1].of_input);
  given.rescalings[0].of_input = false;
  CHECK(!prepared.tuner.adopt(given, why));
  CHECK(why.find("no matching factors of \"" + v1) != std::string::npos);
  given.rescalings.pop_back();
  CHECK(!prepared.tuner.adopt(given, why));
  CHECK(why.find("rescales 1 layer, and targets selects 2") != std::string::npos);
}

TEST_CASE("defaults depend on the optimizer") {
  FitRequest request;
  CHECK(Prepared().tuner.defaults(request).learning_rate == 8e-3);
  request.optimizer = "adafactor";
  CHECK(Prepared().tuner.defaults(request).learning_rate == 3e-3);
}
