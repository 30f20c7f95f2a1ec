// What must hold for any weights; parity with transformers is in tests/parity.
#include "bart.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/packed_side.hpp>
#include <cuecard/testing/random_weights.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

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

const RandomWeights whole(1),
    without_bias(1, [](std::string_view name) { return name == "final_logits_bias"; });

Batch pair(const std::vector<int64_t>& input, const std::vector<int64_t>& output) {
  Batch batch = batch_of({input});
  const Batch outputs = batch_of({output});
  batch.output = outputs.input;
  batch.answer_rows = outputs.answer_rows;
  batch.answer_rows_host = outputs.answer_rows_host;
  batch.source_of = {0};
  return batch;
}

std::string refusal(const Configuration& configuration) {
  try {
    Bart made({configuration, nullptr});
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("the decoder starts with the end of a sequence where nothing else is said") {
  Configuration c = small();
  CHECK(Bart({c, nullptr}).shape().decoder_start == 2);
  c.set("decoder_start_token_id", int64_t{5});
  CHECK(Bart({c, nullptr}).shape().decoder_start == 5);
}

TEST_CASE("a learned row that starts from a word stands for it, scaled or not") {
  for (const bool scaled : {false, true}) {
    CAPTURE(scaled);
    Configuration c = small();
    c.set("scale_embedding", scaled);
    const Bart model({c, &whole});
    Batch batch = pair({7, 8, 9}, {2, 11});
    const at::Tensor wanted = model.forward({batch, {}});
    batch.input.ids = long_tensor({7, 0, 9});
    batch.input.soft_rows = long_tensor({1});
    batch.input.soft_slots = long_tensor({0});
    Conditioning conditioning;
    conditioning.embeddings = model.token_rows(TokenTable::input, long_tensor({8}));
    CHECK(at::allclose(model.forward({batch, conditioning}), wanted, 1e-5, 1e-5));
  }
}

TEST_CASE("the bias of scores is added where the checkpoint has one") {
  const Configuration c = small();
  const at::Tensor hidden = at::ones({1, 24});
  const ReadArgs all{hidden, {Readout::Kind::scores, {}}, {}};
  const at::Tensor with = Bart({c, &whole}).read(all), without = Bart({c, &without_bias}).read(all);
  CHECK(at::allclose(with - without, whole.get("final_logits_bias", {1, 50}), 1e-5, 1e-5));
}

TEST_CASE("as many rows as there are positions, and not one more, on either side") {
  const Configuration c = small();
  const Bart model({c, &whole});
  const std::vector<int64_t> eight{1, 2, 3, 4, 5, 6, 7, 8}, nine{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const Batch longest = pair(eight, eight), input = pair(nine, {2}), output = pair({1}, nine);
  CHECK(model.forward({longest, {}}).size(0) == 1);
  CHECK_THROWS_WITH_AS(model.forward({input, {}}), doctest::Contains("8 positions"), DataError);
  CHECK_THROWS_WITH_AS(model.forward({output, {}}), doctest::Contains("8 positions"), DataError);
}

TEST_CASE("what the family can't be is refused in one sentence that names the file and the key") {
  Configuration heads = small(), activation = small(), before = small();
  heads.set("decoder_attention_heads", int64_t{5});
  CHECK(refusal(heads) == "config.json: d_model is 24, which decoder_attention_heads 5 does not divide.");
  activation.set("activation_function", std::string("mish"));
  CHECK(refusal(activation).find("config.json: activation_function is \"mish\"") == 0);
  before.set("normalize_before", true);
  CHECK(refusal(before).find("config.json: normalize_before is true") == 0);
}
