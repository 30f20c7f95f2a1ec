// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "llama.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using llama::Llama;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"num_hidden_layers", int64_t{2}},
                   {"hidden_size", int64_t{24}},
                   {"num_attention_heads", int64_t{4}},
                   {"num_key_value_heads", int64_t{2}},
                   {"head_dim", int64_t{6}},
                   {"intermediate_size", int64_t{40}},
                   {"vocab_size", int64_t{50}},
                   {"max_position_embeddings", int64_t{32}}};
const RandomWeights weights(1);

at::Tensor embed(const Backbone& model, const at::Tensor& ids, const at::Tensor&) {
  return model.weights().at("model.embed_tokens.weight").index_select(0, ids);
}

at::Tensor final_norm(const Backbone& model, const at::Tensor& x) {
  return x / (x.square().mean(1, true) + 1e-6).sqrt() * model.weights().at("model.norm.weight");
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  const std::vector<Values> forms{
      {{"model_type", std::string("llama")}},
      {{"model_type", std::string("llama")}, {"attention_bias", true}, {"mlp_bias", true}},
      {{"model_type", std::string("llama")},
       {"rope_scaling.rope_type", std::string("linear")},
       {"rope_scaling.factor", 4.0}},
      {{"model_type", std::string("mistral")},
       {"sliding_window", int64_t{16}},
       {"num_hidden_layers", int64_t{1}},
       {"num_key_value_heads", int64_t{1}}},
      {{"model_type", std::string("qwen2")}, {"tie_word_embeddings", true}, {"num_hidden_layers", int64_t{3}}},
      {{"model_type", std::string("qwen3")}, {"head_dim", int64_t{10}}},
  };
  for (std::size_t form = 0; form < forms.size(); ++form) {
    CAPTURE(form);
    conforms<Llama>(configuration_of(small, forms[form]), weights, {embed, final_norm});
  }
}

TEST_CASE("the shape is known without weights") {
  const Configuration c = configuration_of(small);
  const BackboneShape shape = Llama::describe(c);
  CHECK(shape.causal);
  CHECK(shape.head_dim == 6);
  CHECK(shape.vocabulary == 50);
}

TEST_CASE("each member has the tensors that its checkpoints have") {
  const auto has = [](const std::string& type, const std::string& tensor) {
    const Configuration c = configuration_of(small, {{"model_type", type}});
    return Llama({c, weights}).weights().count("model.layers.1.self_attn." + tensor) == 1;
  };
  for (const char* type : {"llama", "mistral", "qwen2", "qwen3"}) {
    CAPTURE(type);
    CHECK(has(type, "k_proj.bias") == (std::string(type) == "qwen2"));
    CHECK(!has(type, "o_proj.bias"));
    CHECK(has(type, "q_norm.weight") == (std::string(type) == "qwen3"));
  }
  Values values = small;
  values.erase("head_dim");
  values["model_type"] = std::string("qwen3");
  const Configuration c = configuration_of(values);
  CHECK(Llama::describe(c).head_dim == 128); // as Qwen3's own configuration has it
}

TEST_CASE("rotary frequencies are stretched as Llama 3.1 does") {
  // 8192 positions; wavelengths (2 pi / f) below 8192 / 4 stay, above 8192 / 1 are 8 times as long.
  const Values values{{"rope_parameters.rope_theta", 500000.0},
                      {"rope_parameters.rope_type", std::string("llama3")},
                      {"rope_parameters.factor", 8.0},
                      {"rope_parameters.low_freq_factor", 1.0},
                      {"rope_parameters.high_freq_factor", 4.0},
                      {"rope_parameters.original_max_position_embeddings", int64_t{8192}}};
  const llama::Rope rope(configuration_of(values));
  const at::Tensor got = rope.inverse_frequencies(64);
  REQUIRE(got.size(0) == 32);
  int between = 0;
  for (int64_t i = 0; i < 32; ++i) {
    const double plain = std::pow(500000.0, -static_cast<double>(i) / 32), wavelength = 2 * M_PI / plain;
    const double ratio = got[i].item<double>() / plain;
    if (wavelength < 2048)
      CHECK(ratio == doctest::Approx(1.0));
    else if (wavelength > 8192)
      CHECK(ratio == doctest::Approx(1.0 / 8));
    else
      CHECK((++between, ratio > 1.0 / 8 && ratio < 1.0));
  }
  CHECK(between == 3);
  const Values linear{
      {"rope_theta", 100.0}, {"rope_scaling.type", std::string("linear")}, {"rope_scaling.factor", int64_t{4}}};
  CHECK(at::allclose(llama::Rope(configuration_of(linear)).inverse_frequencies(4),
                     at::tensor({0.25, 0.025}, at::kDouble)));
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  const auto refused = [](const Values& more, const char* with) {
    const Configuration c = configuration_of(small, more);
    CHECK_THROWS_WITH_AS(Llama::describe(c), doctest::Contains(with), DataError);
  };
  refused({{"num_key_value_heads", int64_t{3}}}, "num_key_value_heads");
  refused({{"head_dim", int64_t{5}}}, "config.json: head_dim is 5");
  refused({{"hidden_act", std::string("gelu")}}, "config.json: hidden_act");
  refused({{"rope_scaling.rope_type", std::string("yarn")}}, "config.json: rotary scaling is \"yarn\"");
  refused({{"rope_scaling.rope_type", std::string("linear")}}, "factor");
  refused({{"rope_scaling.type", std::string("linear")}, {"rope_scaling.factor", 0.0}},
          "rope_scaling.factor is 0");
  refused({{"partial_rotary_factor", 0.5}}, "partial_rotary_factor");
}

TEST_CASE("a sequence beyond the last position is rejected with both numbers") {
  const Configuration c = configuration_of(small);
  const Llama model({c, weights});
  CHECK_THROWS_WITH_AS(model.forward({batch_of({std::vector<int64_t>(33, 5)}), {}}),
                       doctest::Contains("32 positions"), DataError);
}

TEST_CASE("sequences end where a sliding window would begin to hide tokens") {
  const auto longest = [](const Values& more) {
    const Configuration c = configuration_of(small, more);
    return Llama::describe(c).max_positions;
  };
  const Configuration c =
      configuration_of(small, {{"model_type", std::string("mistral")}, {"sliding_window", int64_t{8}}});
  const Llama model({c, weights});
  CHECK(model.forward({batch_of({std::vector<int64_t>(8, 5)}), {}}).size(0) == 1);
  CHECK_THROWS_WITH_AS(model.forward({batch_of({std::vector<int64_t>(9, 5)}), {}}),
                       doctest::Contains("8 positions"), DataError);

  CHECK(longest({{"model_type", std::string("mistral")}}) == 32);
  CHECK(longest({{"model_type", std::string("mistral")}, {"sliding_window", int64_t{64}}}) == 32);
  // A size alone is no window in Qwen's files; it is one in layers from `max_window_layers` on.
  const Values qwen{{"model_type", std::string("qwen2")}, {"sliding_window", int64_t{8}}};
  const auto with = [&](Values more) {
    more.insert(qwen.begin(), qwen.end());
    return longest(more);
  };
  CHECK(with({}) == 32);
  CHECK(with({{"use_sliding_window", true}, {"max_window_layers", int64_t{2}}}) == 32);
  CHECK(with({{"use_sliding_window", true}, {"max_window_layers", int64_t{1}}}) == 8);
  CHECK(with({{"use_sliding_window", true},
              {"layer_types", std::vector<std::string>{"full_attention", "sliding_attention"}}}) == 8);
}
