// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "mpnet.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using mpnet::MpNet;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"num_hidden_layers", int64_t{2}},   {"hidden_size", int64_t{24}},
                   {"num_attention_heads", int64_t{4}}, {"intermediate_size", int64_t{40}},
                   {"vocab_size", int64_t{50}},         {"max_position_embeddings", int64_t{18}}};

const RandomWeights headed(1), bare(1, [](std::string_view name) { return name.starts_with("lm_head."); });
const std::string table = "mpnet.encoder.relative_attention_bias.weight";

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  for (const Values& form : {Values{}, Values{{"num_hidden_layers", int64_t{1}}},
                             Values{{"relative_attention_num_buckets", int64_t{40}}}})
    for (const Weights* weights : {&headed, &bare})
      conforms<MpNet>(configuration_of(small, form), *weights, outside_bert_layers(2));
}

TEST_CASE("scores have a bias by distance, of 32 buckets whatever the table has") {
  const Batch batch = batch_of({{2, 3, 4, 5, 6}, {7, 8}});
  const MpNet usual({configuration_of(small), headed}),
      long_table({configuration_of(small, {{"relative_attention_num_buckets", int64_t{40}}}), headed});
  // The first 32 of 40 rows are different random numbers from a table of 32, so this compares with a copy of them.
  const at::Tensor rows = long_table.weights().at(table);
  CHECK(rows.size(0) == 40);
  usual.weights().at(table).copy_(rows.narrow(0, 0, 32));
  const at::Tensor plain = usual.forward({batch, {}});
  CHECK(at::allclose(long_table.forward({batch, {}}), plain, 1e-6, 1e-6));
  // A key three positions after the query has bucket 16 + 3 (the second half is for keys after the query). Only the answers at the
  // first two tokens of the first sequence have such keys, in one layer.
  const MpNet one({configuration_of(small, {{"num_hidden_layers", int64_t{1}}}), headed});
  const Batch all = with_selected(batch, {0, 1, 2, 3, 4, 5, 6});
  const at::Tensor before = one.forward({all, {}});
  one.weights().at(table)[19] += 1;
  const at::Tensor changed = (one.forward({all, {}}) - before).abs().amax(1).gt(1e-4);
  CHECK(at::equal(changed, at::tensor({1, 1, 0, 0, 0, 0, 0}).to(at::kBool)));
}

TEST_CASE("padding has position 1 whatever pad_token_id says, and positions begin after it") {
  const MpNet model({configuration_of(small, {{"pad_token_id", int64_t{4}}}), headed});
  CHECK(model.shape().max_positions == 16);
  const Batch batch = batch_of({{7, 1, 8, 4}});
  const ForwardArgs embedding{batch, {}, nullptr, false, 0};
  const at::Tensor rows = long_tensor({0, -1, 1, 2}); // of the table, less 2
  CHECK(at::allclose(model.forward(embedding),
                     outside_bert_layers(2).embed(model, long_tensor({7, 1, 8, 4}), rows), 1e-5, 1e-5));
}

TEST_CASE("there are no segments") {
  const MpNet model({configuration_of(small), headed});
  CHECK(model.shape().segments == 0);
  Batch batch = batch_of({{2, 3, 4}});
  const at::Tensor plain = model.forward({batch, {}});
  batch.input.segments = long_tensor({0, 1, 1});
  CHECK(at::equal(model.forward({batch, {}}), plain));
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  CHECK_THROWS_WITH_AS(
      MpNet::describe(configuration_of(small, {{"relative_attention_num_buckets", int64_t{8}}})),
      doctest::Contains("config.json: \"relative_attention_num_buckets\" is 8"), DataError);
  CHECK_THROWS_WITH_AS(MpNet::describe(configuration_of(small, {{"max_position_embeddings", int64_t{2}}})),
                       doctest::Contains("config.json: max_position_embeddings is 2"), DataError);
}
