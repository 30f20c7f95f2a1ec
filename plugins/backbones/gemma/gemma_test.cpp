// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "gemma.hpp"

#include <cmath>

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using gemma::Gemma;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"num_hidden_layers", int64_t{2}},
                   {"hidden_size", int64_t{18}},
                   {"num_attention_heads", int64_t{4}},
                   {"num_key_value_heads", int64_t{2}},
                   {"head_dim", int64_t{6}},
                   {"intermediate_size", int64_t{30}},
                   {"vocab_size", int64_t{50}},
                   {"max_position_embeddings", int64_t{32}},
                   {"sliding_window", int64_t{3}}};
const RandomWeights weights(1);

at::Tensor embed(const Backbone& model, const at::Tensor& ids, const at::Tensor&) {
  return model.weights().at("model.embed_tokens.weight").index_select(0, ids) * std::sqrt(18.0f);
}

at::Tensor final_norm(const Backbone& model, const at::Tensor& x) {
  return x / (x.square().mean(1, true) + 1e-6).sqrt() * (model.weights().at("model.norm.weight") + 1);
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  const std::vector<Values> forms{
      {{"model_type", std::string("gemma")}, {"num_key_value_heads", int64_t{1}}},
      {{"model_type", std::string("gemma2")},
       {"attn_logit_softcapping", 1.5},
       {"final_logit_softcapping", 2.0}},
      {{"model_type", std::string("gemma3_text")},
       {"query_pre_attn_scalar", int64_t{10}},
       {"attention_bias", true},
       {"num_hidden_layers", int64_t{3}},
       {"layer_types", std::vector<std::string>{"full_attention", "sliding_attention", "full_attention"}}},
  };
  for (std::size_t form = 0; form < forms.size(); ++form) {
    CAPTURE(form);
    conforms<Gemma>(configuration_of(small, forms[form]), weights, {embed, final_norm});
  }
}

TEST_CASE("a soft row is not scaled again, and vectors of tokens are as the first layer gets them") {
  const Configuration c = configuration_of(small);
  const Gemma model({c, weights});
  const at::Tensor ids = long_tensor({7, 8, 9});
  const at::Tensor rows = model.token_vectors(TokenTable::input, ids);
  CHECK(at::allclose(rows, embed(model, ids, {})));
  CHECK(at::allclose(model.token_dot_products(TokenTable::input, rows).index_select(1, ids),
                     rows.matmul(rows.t()), 1e-4, 1e-4));
  Batch batch = batch_of({{7, 8, 9}});
  batch.input.soft_tokens = long_tensor({1});
  batch.input.soft_slots = long_tensor({0});
  Conditioning soft;
  soft.embeddings = at::arange(18, at::kFloat).view({1, 18});
  const BatchConditioning conditioning(soft);
  const at::Tensor input = model.forward({batch, conditioning, nullptr, false, 0});
  CHECK(at::allclose(input[1], soft.embeddings[0]));
  CHECK(at::allclose(input[2], rows[2]));
}

TEST_CASE("the scale is rounded as the weights are") {
  const Values wide{
      {"hidden_size", int64_t{3072}}, {"vocab_size", int64_t{3}}, {"num_hidden_layers", int64_t{1}}};
  class Half final : public Weights {
  public:
    bool has(std::string_view) const override { return true; }
    std::vector<std::string> names() const override { return {}; }
    at::Tensor get(std::string_view, at::IntArrayRef shape) const override {
      return at::ones(shape, at::kBFloat16);
    }
  };
  const Configuration c = configuration_of(small, wide);
  const Gemma model({c, Half()});
  CHECK(model.token_vectors(TokenTable::input, long_tensor({1}))[0][0].item<double>() == 55.5); // not 55.4256
}

TEST_CASE("each member's windows, caps and defaults") {
  using Windows = std::vector<int64_t>;
  const auto windows = [](Values more) {
    more.insert({"num_hidden_layers", int64_t{7}});
    const Configuration c = configuration_of({{"vocab_size", int64_t{50}}}, more);
    return Gemma::describe(c).windows;
  };
  CHECK(windows({{"model_type", std::string("gemma")}}).empty());
  CHECK(windows({{"model_type", std::string("gemma2")}}) == Windows{4096, 0, 4096, 0, 4096, 0, 4096});
  CHECK(windows({{"model_type", std::string("gemma3_text")}, {"sliding_window", int64_t{512}}}) ==
        Windows{512, 512, 512, 512, 512, 0, 512});
  CHECK(windows({{"model_type", std::string("gemma3_text")}, {"sliding_window_pattern", int64_t{2}}}) ==
        Windows{4096, 0, 4096, 0, 4096, 0, 4096});
  CHECK(windows({{"model_type", std::string("gemma2")}, {"use_sliding_window", false}}).empty()); // a null
  CHECK(windows({{"model_type", std::string("gemma2")},
                 {"use_sliding_window", false}, // a key of Qwen's, which has no effect
                 {"sliding_window", int64_t{8}}}) == Windows{8, 0, 8, 0, 8, 0, 8});
  const Configuration first = configuration_of({{"model_type", std::string("gemma")}});
  CHECK(Gemma::describe(first).kv_heads == 16);
  CHECK(Gemma::describe(first).head_dim == 256);
}

TEST_CASE("attention scores are capped in Gemma 2 only, final logits in Gemma 3, too") {
  const auto changes = [](const char* type, const char* key, bool projected) {
    const auto output = [&](const Values& more) {
      Values values = more;
      values.insert({"model_type", std::string(type)});
      values.insert({"attn_logit_softcapping", 0.0});
      values.insert({"final_logit_softcapping", 0.0});
      const Gemma model({configuration_of(small, values), weights});
      const at::Tensor states = model.forward({batch_of({{7, 8, 9, 10}}), {}});
      return projected ? model.project({states, {OutputRequest::Kind::logits, {}}}) : states;
    };
    return !at::equal(output({}), output({{key, 0.01}}));
  };
  CHECK(changes("gemma2", "attn_logit_softcapping", false));
  CHECK(!changes("gemma3_text", "attn_logit_softcapping", false));
  CHECK(changes("gemma2", "final_logit_softcapping", true));
  CHECK(changes("gemma3_text", "final_logit_softcapping", true));
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  const auto refused = [](const Values& more, const char* with) {
    Values values = more;
    values.insert({"model_type", std::string("gemma2")});
    const Configuration c = configuration_of(small, values);
    CHECK_THROWS_WITH_AS(Gemma::describe(c), doctest::Contains(with), DataError);
  };
  refused({{"use_bidirectional_attention", true}}, "config.json: use_bidirectional_attention");
  refused({{"attn_logit_softcapping", -1.0}}, "config.json: attn_logit_softcapping");
  refused({{"query_pre_attn_scalar", 0.0}}, "config.json: query_pre_attn_scalar");
  refused({{"layer_types", std::vector<std::string>{"full_attention"}}}, "config.json: layer_types");
  refused({{"layer_types", std::vector<std::string>{"full_attention", "mamba"}}}, "\"mamba\"");
}
