// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "bart.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using bart::Bart;

namespace {

Configuration small() {
  Configuration c("config.json");
  for (const auto& [key, value] : {std::pair<const char*, int64_t>{"encoder_layers", 2},
                                   {"decoder_layers", 1},
                                   {"encoder_attention_heads", 2},
                                   {"decoder_attention_heads", 4},
                                   {"encoder_ffn_dim", 20},
                                   {"decoder_ffn_dim", 30},
                                   {"d_model", 24},
                                   {"vocab_size", 50},
                                   {"max_position_embeddings", 8}})
    c.set(key, value);
  return c;
}

/// As in BART's checkpoints: both sides and the head use the table "shared".
bool other_tables(std::string_view name) {
  return name.ends_with("embed_tokens.weight") || name == "lm_head.weight";
}

const RandomWeights whole(1, other_tables),
    without_bias(1, [](std::string_view name) { return other_tables(name) || name == "final_logits_bias"; });

std::string refusal(const Configuration& configuration) {
  try {
    Bart::describe(configuration);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  const auto embed = [](const Backbone& model, const at::Tensor& ids, const at::Tensor& positions) {
    const auto& weights = model.weights();
    const at::Tensor sum = weights.at("model.shared.weight").index_select(0, ids) +
                           weights.at("model.encoder.embed_positions.weight").index_select(0, positions + 2);
    return at::layer_norm(sum, {sum.size(1)}, weights.at("model.encoder.layernorm_embedding.weight"),
                          weights.at("model.encoder.layernorm_embedding.bias"), 1e-5);
  };
  for (const int64_t encoder_layers : {2, 3}) {
    CAPTURE(encoder_layers);
    Configuration c = small();
    c.set("encoder_layers", encoder_layers);
    c.set("decoder_layers", int64_t{2});
    c.set("max_position_embeddings", int64_t{16});
    conforms_encoder_decoder<Bart>(c, encoder_layers == 2 ? whole : without_bias, {embed, {}});
  }
}

TEST_CASE("the decoder starts with the end-of-sequence token unless the configuration has another") {
  Configuration c = small();
  CHECK(Bart::describe(c).decoder_start == 2);
  c.set("decoder_start_token_id", int64_t{5});
  CHECK(Bart::describe(c).decoder_start == 5);
}

TEST_CASE("a key that is missing, or spelled as in other families, is what transformers takes it for") {
  const BackboneShape large = Bart::describe(Configuration("config.json"));
  CHECK(large.layers == 12);
  CHECK(large.hidden == 1024);
  CHECK(large.heads == 16);
  CHECK(large.vocabulary == 50265);
  CHECK(large.max_positions == 1024);
  Configuration other = small();
  other.set("eos_token_id", int64_t{7}); // does not say where the decoder starts
  CHECK(Bart::describe(other).decoder_start == 2);
  other.set("num_hidden_layers", int64_t{3});
  REQUIRE(Bart::describe(other).sites[1].site == PrefixSite::encoder);
  CHECK(Bart::describe(other).sites[1].layers == 3);
}

TEST_CASE("a soft token initialised from a word equals it, scaled or not") {
  for (const bool scaled : {false, true}) {
    CAPTURE(scaled);
    Configuration c = small();
    c.set("scale_embedding", scaled);
    const Bart model({c, whole});
    Batch batch = batch_of_pairs({{7, 8, 9}}, {{2, 11}});
    const at::Tensor wanted = model.forward({batch, {}});
    batch.input.ids = long_tensor({7, 0, 9});
    batch.input.soft_tokens = long_tensor({1});
    batch.input.soft_slots = long_tensor({0});
    Conditioning conditioning;
    conditioning.embeddings = model.token_vectors(TokenTable::input, long_tensor({8}));
    CHECK(at::allclose(model.forward({batch, conditioning}), wanted, 1e-5, 1e-5));
  }
}

TEST_CASE("the bias of logits is added where the checkpoint has one") {
  const Configuration c = small();
  const at::Tensor hidden = at::ones({1, 24});
  const ProjectArgs all{hidden, {OutputRequest::Kind::logits, {}}, {}};
  const at::Tensor with = Bart({c, whole}).project(all), without = Bart({c, without_bias}).project(all);
  CHECK(at::allclose(with - without, whole.get("final_logits_bias", {1, 50}), 1e-5, 1e-5));
}

TEST_CASE("as many tokens as there are positions, and not one more, on either side") {
  const Configuration c = small();
  const Bart model({c, whole});
  const std::vector<int64_t> eight{1, 2, 3, 4, 5, 6, 7, 8}, nine{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const Batch longest = batch_of_pairs({eight}, {eight}), input = batch_of_pairs({nine}, {{2}}),
              output = batch_of_pairs({{1}}, {nine});
  CHECK(model.forward({longest, {}}).size(0) == 1);
  CHECK_THROWS_WITH_AS(model.forward({input, {}}), doctest::Contains("8 positions"), DataError);
  CHECK_THROWS_WITH_AS(model.forward({output, {}}), doctest::Contains("8 positions"), DataError);
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  Configuration heads = small(), activation = small(), before = small();
  heads.set("decoder_attention_heads", int64_t{5});
  CHECK(refusal(heads) == "config.json: d_model is 24, which decoder_attention_heads 5 does not divide.");
  activation.set("activation_function", std::string("mish"));
  CHECK(refusal(activation).find("config.json: activation_function is \"mish\"") == 0);
  before.set("normalize_before", true);
  CHECK(refusal(before).find("config.json: normalize_before is true") == 0);
}
