// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "gpt_neox.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using gpt_neox::GptNeox;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"num_hidden_layers", int64_t{2}},   {"hidden_size", int64_t{24}},
                   {"num_attention_heads", int64_t{3}}, {"intermediate_size", int64_t{30}},
                   {"vocab_size", int64_t{50}},         {"max_position_embeddings", int64_t{32}}};
const RandomWeights weights(1);

at::Tensor embed(const Backbone& model, const at::Tensor& ids, const at::Tensor&) {
  return model.weights().at("gpt_neox.embed_in.weight").index_select(0, ids);
}

at::Tensor final_norm(const Backbone& model, const at::Tensor& x) {
  const auto& of = model.weights();
  return at::layer_norm(x, {x.size(1)}, of.at("gpt_neox.final_layer_norm.weight"),
                        of.at("gpt_neox.final_layer_norm.bias"), 1e-5);
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  for (const Values& form :
       {Values{}, Values{{"use_parallel_residual", false}, {"tie_word_embeddings", true}},
        Values{{"attention_bias", false}, {"rotary_pct", 1.0}, {"rotary_emb_base", int64_t{100}}}})
    conforms<GptNeox>(configuration_of(small, form), weights, {embed, final_norm});
}

TEST_CASE("the head is found by both of its names, and is optional") {
  const auto with_head = [](const std::string& name) {
    const RandomWeights others(1, [name](std::string_view tensor) {
      return (tensor == "embed_out.weight" || tensor == "lm_head.weight") && tensor != name;
    });
    const Configuration c = configuration_of(small);
    return GptNeox({c, others}).shape().has_lm_head;
  };
  CHECK(with_head("embed_out.weight"));
  CHECK(with_head("lm_head.weight"));
  CHECK(!with_head(""));
}

TEST_CASE("rotary positions are read by the names that transformers reads") {
  const auto states = [](const Values& more) {
    return GptNeox({configuration_of(small, more), weights}).forward({batch_of({{2, 3, 4, 5, 6}}), {}});
  };
  const auto of = [&](double base, double part) {
    return states({{"rope_parameters.rope_theta", base}, {"rope_parameters.partial_rotary_factor", part}});
  };
  // A quarter of a head of 8 is one frequency, for which the base makes no difference.
  CHECK(at::equal(states({}), of(10000, 0.25)));
  CHECK(at::equal(states({{"rope_theta", 333.0}, {"rotary_pct", 1.0}}), of(10000, 1)));
  CHECK(at::equal(states({{"rotary_emb_base", int64_t{555}}, {"rope_theta", 333.0}, {"rotary_pct", 1.0}}),
                  of(555, 1)));
  CHECK(at::equal(states({{"partial_rotary_factor", 0.5}, {"rope_theta", 333.0}}), of(10000, 0.25)));
  CHECK(at::equal(states({{"rotary_pct", 0.5}, {"partial_rotary_factor", 0.75}}), of(10000, 0.5)));
  // `rope_parameters` takes precedence, key by key.
  CHECK(at::equal(
      states({{"rope_parameters.rope_theta", 77.0}, {"rotary_emb_base", int64_t{555}}, {"rotary_pct", 1.0}}),
      of(77, 1)));
  CHECK(at::equal(states({{"rope_parameters.rope_theta", 77.0},
                          {"rope_parameters.partial_rotary_factor", 0.5},
                          {"rotary_emb_base", int64_t{555}},
                          {"rotary_pct", 1.0}}),
                  of(77, 0.5)));
  CHECK(!at::equal(of(10000, 1), of(555, 1)));
  CHECK(!at::equal(of(10000, 0.25), of(10000, 0.5)));
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  const auto refused = [](const Values& more, const char* with) {
    const Configuration c = configuration_of(small, more);
    CHECK_THROWS_WITH_AS(GptNeox::describe(c), doctest::Contains(with), DataError);
  };
  refused({{"num_attention_heads", int64_t{5}}}, "config.json: hidden_size is 24");
  refused({{"hidden_act", std::string("swoosh")}}, "config.json: hidden_act");
  refused({{"rotary_pct", 3.0}}, "partial_rotary_factor is 3");
}
