// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "llama.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>
#include <cuecard/testing/llama_family.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using llama::Llama;

namespace {

using Values = std::map<std::string, Configuration::Value>;

/// With an explicit head size, because not every member defaults to the hidden size / heads.
const Values small = [] {
  Values values = small_llama();
  values["head_dim"] = int64_t{6};
  return values;
}();
const RandomWeights weights(1);

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  const std::vector<Values> forms{
      {{"model_type", std::string("llama")}},
      {{"model_type", std::string("llama")}, {"attention_bias", true}, {"mlp_bias", true}},
      {{"model_type", std::string("llama")},
       {"rope_scaling.rope_type", std::string("linear")},
       {"rope_scaling.factor", 4.0}},
      {{"model_type", std::string("mistral")},
       {"sliding_window", int64_t{3}},
       {"num_hidden_layers", int64_t{1}},
       {"num_key_value_heads", int64_t{1}}},
      {{"model_type", std::string("qwen2")}, {"tie_word_embeddings", true}, {"num_hidden_layers", int64_t{3}}},
      {{"model_type", std::string("qwen3")},
       {"head_dim", int64_t{10}},
       {"hidden_act", std::string("gelu_new")}},
      {{"model_type", std::string("qwen2")},
       {"use_sliding_window", true},
       {"sliding_window", int64_t{2}},
       {"num_hidden_layers", int64_t{3}},
       {"layer_types", std::vector<std::string>{"full_attention", "sliding_attention", "full_attention"}}},
  };
  for (std::size_t form = 0; form < forms.size(); ++form) {
    CAPTURE(form);
    conforms<Llama>(configuration_of(small, forms[form]), weights, outside_llama_layers());
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

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  const auto refused = [](const Values& more, const char* with) {
    const Configuration c = configuration_of(small, more);
    CHECK_THROWS_WITH_AS(Llama::describe(c), doctest::Contains(with), DataError);
  };
  refused({{"num_key_value_heads", int64_t{3}}}, "num_key_value_heads");
  refused({{"head_dim", int64_t{5}}}, "config.json: head_dim is 5");
  refused({{"hidden_act", std::string("swoosh")}}, "config.json: hidden_act");
  refused({{"rope_scaling.rope_type", std::string("spiral")}}, "config.json: rotary scaling is \"spiral\"");
  refused({{"rope_scaling.rope_type", std::string("linear")}}, "factor");
  refused({{"rope_scaling.type", std::string("linear")}, {"rope_scaling.factor", 0.0}},
          "rope_scaling.factor is 0");
  refused({{"partial_rotary_factor", 0.5},
           {"rope_scaling.rope_type", std::string("linear")},
           {"rope_scaling.factor", 2.0}},
          "partial_rotary_factor");
}

TEST_CASE("a sequence beyond the last position is rejected with both numbers") {
  const Configuration c = configuration_of(small);
  const Llama model({c, weights});
  CHECK_THROWS_WITH_AS(model.forward({batch_of({std::vector<int64_t>(33, 5)}), {}}),
                       doctest::Contains("32 positions"), DataError);
}

TEST_CASE("a window is a limit on who sees whom, not on the length of a text") {
  const Configuration c = configuration_of(small, {{"model_type", std::string("mistral")},
                                                   {"sliding_window", int64_t{4}},
                                                   {"num_hidden_layers", int64_t{1}}});
  const Llama model({c, weights});
  // In one layer, the last of these tokens attends to itself and the three before it.
  const auto last_state = [&](const std::vector<int64_t>& ids) { return model.forward({batch_of({ids}), {}}); };
  const at::Tensor state = last_state({7, 8, 9, 10, 11, 12});
  CHECK(at::allclose(state, last_state({5, 6, 9, 10, 11, 12}), 1e-5, 1e-5));
  CHECK(!at::allclose(state, last_state({7, 8, 5, 10, 11, 12}), 1e-2, 1e-2));
}

TEST_CASE("layers have the windows that each member's configuration names") {
  using Windows = std::vector<int64_t>;
  const auto windows = [](const Values& more) {
    const Configuration c = configuration_of(small, more);
    CHECK(Llama::describe(c).max_positions == 32);
    return Llama::describe(c).windows;
  };
  CHECK(windows({{"model_type", std::string("llama")}, {"sliding_window", int64_t{8}}}).empty());
  CHECK(windows({{"model_type", std::string("mistral")}}) == Windows{4096, 4096});
  CHECK(windows({{"model_type", std::string("mistral")}, {"sliding_window", int64_t{8}}}) == Windows{8, 8});
  // A null window is read as `use_sliding_window` false, which is no key of Mistral's own.
  CHECK(windows({{"model_type", std::string("mistral")}, {"use_sliding_window", false}}).empty());
  CHECK(windows({{"model_type", std::string("mistral")},
                 {"use_sliding_window", false},
                 {"sliding_window", int64_t{8}}}) == Windows{8, 8});
  // With a list of layers, transformers reads the file as Ministral's.
  const auto listed = [&](Values more) {
    more.insert({{"model_type", std::string("mistral")},
                 {"layer_types", std::vector<std::string>{"full_attention", "sliding_attention"}}});
    return windows(more);
  };
  CHECK(listed({}) == Windows{0, 4096});
  CHECK(listed({{"sliding_window", int64_t{8}}}) == Windows{0, 8});
  CHECK(listed({{"sliding_window", int64_t{8}}, {"use_sliding_window", false}}) == Windows{0, 8});
  // In Qwen's files, a size alone enables no window; layers from `max_window_layers` on have one, or those that are listed.
  for (const char* type : {"qwen2", "qwen3"}) {
    const auto with = [&](Values more) {
      more.insert({{"model_type", std::string(type)}, {"sliding_window", int64_t{8}}});
      return windows(more);
    };
    CHECK(with({}).empty());
    CHECK(with({{"use_sliding_window", true}}).empty());
    CHECK(with({{"use_sliding_window", true}, {"max_window_layers", int64_t{2}}}).empty());
    CHECK(with({{"use_sliding_window", true}, {"max_window_layers", int64_t{1}}}) == Windows{0, 8});
    CHECK(with({{"use_sliding_window", true},
                {"layer_types", std::vector<std::string>{"sliding_attention", "full_attention"}}}) ==
          Windows{8, 0});
  }
}
