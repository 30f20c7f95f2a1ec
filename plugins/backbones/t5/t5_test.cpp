// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "t5.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using t5::T5;

namespace {

Configuration small(const std::string& feed_forward = "relu") {
  Configuration c("config.json");
  for (const auto& [key, value] : {std::pair<const char*, int64_t>{"num_layers", 2},
                                   {"d_model", 24},
                                   {"d_kv", 5},
                                   {"num_heads", 3},
                                   {"d_ff", 40},
                                   {"vocab_size", 50},
                                   {"pad_token_id", 3}})
    c.set(key, value);
  c.set("feed_forward_proj", feed_forward);
  return c;
}

/// As in T5's checkpoints: both sides use the table "shared".
bool tables_of_sides(std::string_view name) {
  return name.ends_with("embed_tokens.weight");
}

const RandomWeights weights(1, tables_of_sides),
    tied(1, [](std::string_view name) { return tables_of_sides(name) || name == "lm_head.weight"; });

const OutsideLayers outside{[](const Backbone& model, const at::Tensor& ids, const at::Tensor&) {
                              return model.weights().at("shared.weight").index_select(0, ids);
                            },
                            [](const Backbone& model, const at::Tensor& x) {
                              return x / (x.square().mean(1, true) + 1e-6).sqrt() *
                                     model.weights().at("encoder.final_layer_norm.weight");
                            }};

std::string refusal(const Configuration& configuration) {
  try {
    T5::describe(configuration);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  for (const char* feed_forward : {"relu", "gated-gelu"})
    for (const int64_t encoder_layers : {2, 3}) {
      CAPTURE(feed_forward);
      CAPTURE(encoder_layers);
      Configuration c = small(feed_forward);
      c.set("num_layers", encoder_layers);
      c.set("num_decoder_layers", int64_t{2});
      conforms_encoder_decoder<T5>(c, encoder_layers == 2 ? weights : tied, outside);
    }
}

TEST_CASE("mT5 and umT5 conform, too, and each layer of umT5 has a table of biases") {
  for (const char* type : {"mt5", "umt5"}) {
    CAPTURE(type);
    Configuration c = small("gated-gelu");
    c.set("model_type", std::string(type));
    conforms_encoder_decoder<T5>(c, tied, outside);
  }
  Configuration c = small();
  c.set("model_type", std::string("umt5"));
  const T5 model({c, weights}), first({small(), weights});
  const auto table = [](const char* side, int layer) {
    return std::string(side) + ".block." + std::to_string(layer) +
           ".layer.0.SelfAttention.relative_attention_bias.weight";
  };
  CHECK(model.weights().contains(table("decoder", 1)));
  CHECK(!first.weights().contains(table("decoder", 1)));
  CHECK(!model.weights().contains("decoder.block.1.layer.1.EncDecAttention.relative_attention_bias.weight"));
  const Batch batch = batch_of({{1, 2, 3}, {4, 5, 6, 7}});
  const auto after = [&](int64_t layers) { return model.forward({batch, {}, nullptr, false, layers}); };
  const at::Tensor before_first = after(1), before_second = after(2);
  CHECK(!at::allclose(before_second, first.forward({batch, {}, nullptr, false, 2}), 1e-3, 1e-3));
  model.weights().at(table("encoder", 1)).copy_(model.weights().at(table("encoder", 0)));
  CHECK(at::equal(after(1), before_first));
  CHECK(at::allclose(after(2), first.forward({batch, {}, nullptr, false, 2}), 1e-5, 1e-5));
}

TEST_CASE("the shape is known without weights") {
  const BackboneShape shape = T5::describe(small());
  CHECK(shape.encoder_decoder);
  CHECK(!shape.causal);
  CHECK(shape.generates());
  CHECK(shape.decoder_start == 3); // the padding token, unless the configuration has another
  CHECK(shape.max_positions == 0);
  CHECK(shape.head_dim == 5);
  REQUIRE(shape.sites.size() == 3);
  CHECK(shape.sites[1].site == PrefixSite::encoder);
}

TEST_CASE("logits are scaled where the head is tied to the embedding, and where the file says so") {
  Configuration untied = small(), told = small();
  untied.set("tie_word_embeddings", false);
  told.set("tie_word_embeddings", true);
  told.set("scale_decoder_outputs", false);
  const at::Tensor hidden = at::ones({1, 24});
  const auto transformed = [&](const Configuration& c) {
    return T5({c, tied})
        .project({hidden, {OutputRequest::Kind::transformed_states, {}}, {}})[0][0]
        .item<double>();
  };
  CHECK(transformed(small()) == doctest::Approx(1 / std::sqrt(24.0)));
  CHECK(transformed(untied) == doctest::Approx(1));
  CHECK(transformed(told) == doctest::Approx(1));
  for (const bool flag : {true, false}) {
    Configuration mt5 = small(), umt5 = small();
    mt5.set("model_type", std::string("mt5"));
    umt5.set("model_type", std::string("umt5"));
    mt5.set("tie_word_embeddings", flag);
    umt5.set("tie_word_embeddings", flag);
    CHECK(transformed(mt5) == doctest::Approx(1));
    CHECK(transformed(umt5) == doctest::Approx(1 / std::sqrt(24.0)));
  }
  CHECK(T5({small(), tied}).weights().count("lm_head.weight") == 0);
  const T5 headed({small(), weights});
  CHECK(at::equal(headed.token_vectors(TokenTable::output, long_tensor({7})),
                  weights.get("lm_head.weight", {50, 24}).slice(0, 7, 8)));
}

TEST_CASE("a key that is missing, or spelled as in other families, is what transformers takes it for") {
  const BackboneShape whole = T5::describe(Configuration("config.json"));
  CHECK(whole.layers == 6);
  CHECK(whole.hidden == 512);
  CHECK(whole.heads == 8);
  CHECK(whole.head_dim == 64);
  CHECK(whole.vocabulary == 32128);
  Configuration multilingual("config.json");
  multilingual.set("model_type", std::string("mt5"));
  CHECK(T5::describe(multilingual).layers == 8);
  CHECK(T5::describe(multilingual).heads == 6);
  CHECK(T5::describe(multilingual).vocabulary == 250112);
  Configuration other = small();
  other.set("hidden_size", int64_t{18}); // counts, although d_model is there, too
  other.set("head_dim", int64_t{7});
  CHECK(T5::describe(other).hidden == 18);
  CHECK(T5::describe(other).head_dim == 7);
}

TEST_CASE("the feed-forward is what the keys of transformers 5 say, where they are there") {
  Configuration c = small("relu");
  c.set("is_gated_act", true);
  c.set("dense_act_fn", std::string("silu"));
  CHECK(T5({c, weights}).weights().contains("encoder.block.0.layer.1.DenseReluDense.wi_1.weight"));
  c.set("dense_act_fn", std::string("swoosh"));
  CHECK(refusal(c).find("config.json: dense_act_fn is \"swoosh\"") == 0);
}

TEST_CASE("a bias table that replaces the checkpoint's is trained") {
  for (const char* feed_forward : {"relu", "gated-gelu", "gated-silu"}) {
    CAPTURE(feed_forward);
    const T5 model({small(feed_forward), weights});
    at::Tensor table =
        model.weights().at("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
    table.set_requires_grad(true);
    const Batch batch = batch_of_pairs({{1, 2, 3}, {4, 5, 6, 7}}, {{0, 8}, {0, 9, 10}});
    model.forward({batch, {}}).square().sum().backward();
    const at::Tensor gradient = table.grad().clone();
    // Against the difference quotient at one bucket: keys one position after the query.
    const double step = 1e-2;
    const auto value = [&](double by) {
      const at::NoGradGuard no_grad;
      table[17][1] += by;
      const double result = model.forward({batch, {}}).square().sum().item<double>();
      table[17][1] -= by;
      return result;
    };
    CHECK(gradient[17][1].item<double>() ==
          doctest::Approx((value(step) - value(-step)) / (2 * step)).epsilon(0.02));
  }
}

TEST_CASE("a batch without an output side runs the encoder alone") {
  const T5 model({small(), weights});
  const Batch batch = batch_of({{1, 2, 3}, {4, 5}});
  const at::Tensor found = model.forward({batch, {}});
  CHECK(found.size(0) == 2);
  CHECK(at::allclose(found[1], model.forward({batch_of({{4, 5}}), {}})[0], 1e-5, 1e-5));
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  for (const char* unknown : {"gated-gelu_newer", "swoosh", "gated-"}) {
    CAPTURE(unknown);
    CHECK(refusal(small(unknown))
              .find("config.json: feed_forward_proj is \"" + std::string(unknown) + "\"; known are gelu,") ==
          0);
  }
  Configuration near = small();
  near.set("relative_attention_max_distance", int64_t{12});
  CHECK(refusal(near).find("config.json: relative_attention_max_distance is 12") == 0);
  Configuration text = small();
  text.set("num_layers", std::string("two"));
  CHECK(refusal(text).find("config.json: \"num_layers\" is \"two\"") == 0);
}
