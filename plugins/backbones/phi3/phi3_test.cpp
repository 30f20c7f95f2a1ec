// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "phi3.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>
#include <cuecard/testing/llama_family.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using phi3::Phi3;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small = small_llama();
const RandomWeights weights(1);

/// Longrope as in Phi-3's first files, with a pre-training length of `original`.
Values longrope(int64_t original) {
  return {{"rope_scaling.type", std::string("su")},
          {"original_max_position_embeddings", original},
          {"rope_scaling.short_factor", std::vector<double>{1, 1.5, 2}},
          {"rope_scaling.long_factor", std::vector<double>{2, 4, 8}}};
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  const std::vector<Values> forms{{{"partial_rotary_factor", 0.7}},
                                  {{"sliding_window", int64_t{5}}, {"tie_word_embeddings", true}},
                                  longrope(16), // all texts here are shorter
                                  longrope(2)}; // and all but one longer
  for (std::size_t form = 0; form < 3; ++form) {
    CAPTURE(form);
    conforms<Phi3>(configuration_of(small, forms[form]), weights, outside_llama_layers());
  }
  const Configuration c = configuration_of(small, forms[3]);
  conformance::batch_invariance(Phi3({c, weights}));
  conformance::parents(Phi3({c, weights}));
}

TEST_CASE("fused linear layers are declared by their names, for updates") {
  const Configuration c = configuration_of(small);
  const Phi3 model({c, weights});
  REQUIRE(model.linear_layers().size() == 8);
  CHECK(model.linear_layers()[0].weight == "model.layers.0.self_attn.qkv_proj.weight");
  CHECK(model.linear_layers()[0].out == 48);
  CHECK(model.linear_layers()[2].weight == "model.layers.0.mlp.gate_up_proj.weight");
  CHECK(model.linear_layers()[2].out == 60);
}

TEST_CASE("texts beyond those of pre-training have other frequencies, whatever is beside them") {
  const Configuration c = configuration_of(small, longrope(6)),
                      short_only = configuration_of(small, longrope(16));
  const Phi3 model({c, weights}), kept({short_only, weights});
  const std::vector<int64_t> brief{7, 8, 9, 10, 11, 12}, longer{7, 8, 9, 10, 11, 12, 13};
  // The attention temperature differs, too, so both are compared with themselves in a batch.
  const at::Tensor both = model.forward({batch_of({brief, longer}), {}});
  CHECK(conformance::same(both[0], model.forward({batch_of({brief}), {}})[0]));
  CHECK(conformance::same(both[1], model.forward({batch_of({longer}), {}})[0]));
  Values equal = longrope(6);
  equal["rope_scaling.long_factor"] = equal["rope_scaling.short_factor"];
  const Configuration without = configuration_of(small, equal);
  const at::Tensor same = Phi3({without, weights}).forward({batch_of({brief, longer}), {}});
  CHECK(conformance::same(both[0], same[0]));
  CHECK(!at::allclose(both[1], same[1], 1e-2, 1e-2));
}

TEST_CASE("every layer has the window that the file gives, and none has one if it gives none") {
  const auto windows = [](const Values& more) { return Phi3::describe(configuration_of(small, more)).windows; };
  CHECK(windows({}).empty());
  CHECK(windows({{"sliding_window", int64_t{5}}}) == std::vector<int64_t>{5, 5});
  // A key of Qwen's, which transformers ignores in this family.
  CHECK(windows({{"sliding_window", int64_t{5}}, {"use_sliding_window", false}}) == std::vector<int64_t>{5, 5});
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  const auto refused = [](const Values& more, const char* with) {
    const Configuration c = configuration_of(small, more);
    CHECK_THROWS_WITH_AS(Phi3::describe(c), doctest::Contains(with), DataError);
  };
  refused({{"rope_scaling.type", std::string("linear")}, {"rope_scaling.factor", 2.0}},
          "config.json: rope_scaling.type is \"linear\"");
  refused({{"rope_scaling.type", std::string("longrope")}}, "short_factor has 0 numbers");
  refused({{"sliding_window", int64_t{0}}}, "sliding_window");
}
