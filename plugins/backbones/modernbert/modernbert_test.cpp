// Properties that hold for any weights; parity with transformers is in
// tests/parity.
#include "modernbert.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using modernbert::ModernBert;

namespace {

using Values = std::map<std::string, Configuration::Value>;
using Types = std::vector<std::string>;

const Values small{{"num_hidden_layers", int64_t{2}},   {"hidden_size", int64_t{24}},
                   {"num_attention_heads", int64_t{3}}, {"intermediate_size", int64_t{20}},
                   {"vocab_size", int64_t{50}},         {"max_position_embeddings", int64_t{32}},
                   {"local_attention", int64_t{6}}};
const Values biased{{"norm_bias", true},
                    {"attention_bias", true},
                    {"mlp_bias", true},
                    {"classifier_bias", true},
                    {"decoder_bias", false}};

bool of_classifier(std::string_view name) {
  return name.starts_with("classifier");
}

const RandomWeights headed(1, of_classifier), bare(1, [](std::string_view name) {
  return of_classifier(name) || name.starts_with("head.") || name.starts_with("decoder.");
});

at::Tensor normed(const Backbone& model, const std::string& name, const at::Tensor& x) {
  return at::layer_norm(x, {x.size(1)}, weight_ending(model, name + ".weight"),
                        weight_ending(model, name + ".bias"), 1e-5);
}

const OutsideLayers outside{
    [](const Backbone& model, const at::Tensor& ids, const at::Tensor&) {
      return normed(model, "embeddings.norm",
                    weight_ending(model, "tok_embeddings.weight").index_select(0, ids));
    },
    [](const Backbone& model, const at::Tensor& x) { return normed(model, "final_norm", x); }};

/// In a model of one layer: whether the hidden state of the second-last of ten tokens depends on each of the others.
at::Tensor seen_by_ninth(const ModernBert& model) {
  const std::vector<int64_t> text{2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const at::Tensor state = model.forward({with_selected(batch_of({text}), {8}), {}});
  std::vector<int64_t> seen;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::vector<int64_t> other = text;
    other[i] = 20;
    seen.push_back(
        at::allclose(model.forward({with_selected(batch_of({other}), {8}), {}}), state, 1e-6, 1e-6) ? 0 : 1);
  }
  return long_tensor(seen);
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  for (const Values& form :
       {Values{}, biased, Values{{"num_hidden_layers", int64_t{1}}},
        Values{{"num_hidden_layers", int64_t{1}}, {"layer_types", Types{"sliding_attention"}}},
        Values{{"num_hidden_layers", int64_t{3}}, {"global_attn_every_n_layers", int64_t{2}}}})
    for (const Weights* weights : {&headed, &bare})
      conforms<ModernBert>(configuration_of(small, form), *weights, outside);
}

TEST_CASE("a local layer sees half of the window on either side, and a layer "
          "that sees all sees all") {
  const auto seen = [](const char* type) {
    const Configuration c =
        configuration_of(small, {{"num_hidden_layers", int64_t{1}}, {"layer_types", Types{type}}});
    return seen_by_ninth(ModernBert({c, headed}));
  };
  CHECK(at::equal(seen("sliding_attention"), long_tensor({0, 0, 0, 0, 0, 1, 1, 1, 1, 1})));
  CHECK(at::equal(seen("full_attention"), at::ones({10}, at::kLong)));
}

TEST_CASE("every third layer sees all unless the file says otherwise") {
  const auto windows = [](const Values& form) {
    return ModernBert::describe(configuration_of(small, form)).windows;
  };
  using Windows = std::vector<int64_t>;
  CHECK(windows({{"num_hidden_layers", int64_t{5}}}) == Windows{0, 6, 6, 0, 6});
  CHECK(windows({{"global_attn_every_n_layers", int64_t{1}}}) == Windows{});
  CHECK(windows({{"layer_types", Types{"sliding_attention", "full_attention"}}}) == Windows{6, 0});
  CHECK(windows({{"sliding_window", int64_t{2}}}) ==
        Windows{0, 4}); // half of the width, before `local_attention`
  CHECK(ModernBert::describe(Configuration("config.json")).windows.at(1) == 128);
}

TEST_CASE("local layers have rotary positions of their own, in both spellings") {
  const Batch batch = batch_of({{2, 3, 4, 5}});
  const auto states = [&](const Values& form, int64_t layers) {
    const ModernBert model({configuration_of(small, form), headed});
    return model.forward({batch, {}, nullptr, false, layers});
  };
  const Values older{{"global_rope_theta", 40.0}, {"local_rope_theta", 20.0}},
      newer{{"rope_parameters.full_attention.rope_theta", 40.0},
            {"rope_parameters.sliding_attention.rope_theta", 20.0}},
      other_local{{"global_rope_theta", 40.0}, {"local_rope_theta", 30.0}};
  CHECK(at::equal(states(older, 2), states(newer, 2)));
  CHECK(at::equal(states(older, 1), states(other_local, 1)));
  CHECK(!at::allclose(states(older, 2), states(other_local, 2), 1e-3, 1e-3));
}

TEST_CASE("a classifier's transform is no masked-LM head") {
  const RandomWeights classifier(1, [](std::string_view name) { return name.starts_with("decoder."); });
  const ModernBert model({configuration_of(small), classifier});
  CHECK(!model.shape().has_lm_head);
  CHECK_THROWS_WITH_AS(model.project({at::zeros({1, 24}), {OutputRequest::Kind::logits, {}}}),
                       doctest::Contains("this ModernBERT checkpoint has no masked-LM head"), Error);
  CHECK_THROWS_WITH_AS(model.project({at::zeros({1, 24}), {OutputRequest::Kind::pooled, {}}}),
                       doctest::Contains("no pooler"), Error);
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names "
          "the file and the key") {
  const auto refused = [](const Values& form, const char* why) {
    CHECK_THROWS_WITH_AS(ModernBert::describe(configuration_of(small, form)), doctest::Contains(why),
                         DataError);
  };
  refused({{"layer_types", Types{"full_attention"}}}, "config.json: layer_types is not a list of 2 texts");
  refused({{"layer_types", Types{"full_attention", "chunked_attention"}}},
          "config.json: layer_types has \"chunked_attention\"");
  refused({{"num_attention_heads", int64_t{8}}}, "config.json: hidden_size is 24");
}
