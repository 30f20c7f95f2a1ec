// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "deberta.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using deberta::Deberta;

namespace {

using Values = std::map<std::string, Configuration::Value>;

Values joined_values(Values a, const Values& b) {
  a.insert(b.begin(), b.end());
  return a;
}

const Values sizes{{"num_hidden_layers", int64_t{2}},   {"hidden_size", int64_t{24}},
                   {"num_attention_heads", int64_t{4}}, {"intermediate_size", int64_t{40}},
                   {"vocab_size", int64_t{50}},         {"max_position_embeddings", int64_t{32}}};
/// As in version 3's files.
const Values small = joined_values(sizes, {{"relative_attention", true},
                                           {"position_buckets", int64_t{8}},
                                           {"max_relative_positions", int64_t{-1}},
                                           {"norm_rel_ebd", std::string("layer_norm")},
                                           {"share_att_key", true},
                                           {"pos_att_type", std::string("p2c|c2p")},
                                           {"position_biased_input", false}});

bool newer_head(std::string_view name) {
  return name.starts_with("lm_predictions.");
}
bool older_head(std::string_view name) {
  return name.starts_with("cls.");
}

const RandomWeights newer(1, older_head), older(1, newer_head),
    bare(1, [](std::string_view name) { return newer_head(name) || older_head(name); });

/// norm(words), projected first where they are narrower, with positions and segment 0 where the model has them.
OutsideLayers outside() {
  return {[](const Backbone& model, const at::Tensor& ids, const at::Tensor& positions) {
            const auto weight = [&](const char* name) {
              return weight_ending(model, std::string("embeddings.") + name);
            };
            at::Tensor x = weight("word_embeddings.weight").index_select(0, ids);
            if (const at::Tensor table = weight("position_embeddings.weight"); table.defined())
              x = x + table.index_select(0, positions);
            if (const at::Tensor table = weight("token_type_embeddings.weight"); table.defined())
              x = x + table[0];
            if (const at::Tensor projection = weight("embed_proj.weight"); projection.defined())
              x = at::linear(x, projection);
            return at::layer_norm(x, {x.size(1)}, weight("LayerNorm.weight"), weight("LayerNorm.bias"), 1e-7);
          },
          {}};
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  for (const Values& form :
       {Values{}, Values{{"num_hidden_layers", int64_t{1}}},
        Values{{"share_att_key", false},
               {"position_buckets", int64_t{-1}},
               {"max_relative_positions", int64_t{5}}},
        Values{{"pos_att_type", std::vector<std::string>{"c2p"}}, {"share_att_key", false}},
        Values{{"pos_att_type", std::vector<std::string>{"p2c"}}, {"norm_rel_ebd", std::string("none")}},
        Values{
            {"embedding_size", int64_t{10}}, {"type_vocab_size", int64_t{2}}, {"position_biased_input", true}},
        Values{{"relative_attention", false}, {"position_biased_input", true}}})
    conforms<Deberta>(configuration_of(small, form), older, outside());
  for (const Weights* weights : {&newer, &bare})
    conforms<Deberta>(configuration_of(small), *weights, outside());
}

TEST_CASE("attention without relative positions, and with terms of zero, is that of scaled products") {
  const Configuration relative = configuration_of(small),
                      none = configuration_of(small, {{"relative_attention", false}});
  const Deberta with({relative, older}), without({none, older});
  const Batch batch = batch_of({{2, 3, 4, 5}, {6, 7}});
  CHECK(!at::allclose(with.forward({batch, {}}), without.forward({batch, {}}), 1e-3, 1e-3));
  // An empty list names no term, so that the table is not used.
  const Values no_terms{{"pos_att_type", std::vector<int64_t>{}}};
  const Configuration listed = configuration_of(small, no_terms),
                      neither =
                          configuration_of(small, joined_values(no_terms, {{"relative_attention", false}}));
  CHECK(at::allclose(Deberta({listed, older}).forward({batch, {}}),
                     Deberta({neither, older}).forward({batch, {}}), 1e-5, 1e-5));
  // Without the table's norm, a table of zeros leaves the biases of keys and queries: a term that depends on no distance.
  class Silent final : public Weights {
  public:
    bool has(std::string_view name) const override { return older.has(name); }
    std::vector<std::string> names() const override { return {}; }
    at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
      const bool zero = name.ends_with("rel_embeddings.weight") || name.ends_with("key_proj.bias") ||
                        name.ends_with("query_proj.bias");
      return older.get(name, shape) * (zero ? 0.0 : 1.0);
    }
  };
  const Configuration unnormed = configuration_of(small, {{"norm_rel_ebd", std::string("none")}});
  CHECK(at::allclose(Deberta({unnormed, Silent()}).forward({batch, {}}),
                     Deberta({none, Silent()}).forward({batch, {}}), 1e-5, 1e-5));
}

TEST_CASE("keys of positions, where they are shared, have the updates of the card whose text it is") {
  // conforms() compares updates with changed weights; here two cards with different updates are in one batch with a card without
  // any.
  const Deberta model({configuration_of(small), older});
  const LinearLayer key = model.linear_layers().at(1);
  REQUIRE(key.weight.ends_with("key_proj.weight"));
  const auto rescaled = [&](double by) {
    Conditioning conditioning;
    conditioning.rescalings = {{key.weight, at::full({key.out}, by)}};
    return conditioning;
  };
  BatchConditioning mixed(rescaled(0.5));
  mixed.rescalings.push_back(rescaled(2).rescalings[0]);
  mixed.rescaling_cards = {0, 2};
  const std::vector<std::vector<int64_t>> texts{{2, 3, 4}, {5, 6}, {7, 8, 9, 10}};
  const at::Tensor together = model.forward({with_cards(batch_of(texts), {0, 1, 2}), mixed});
  CHECK(at::allclose(together[0], model.forward({batch_of({texts[0]}), rescaled(0.5)})[0], 1e-5, 1e-5));
  CHECK(at::allclose(together[1], model.forward({batch_of({texts[1]}), {}})[0], 1e-5, 1e-5));
  CHECK(at::allclose(together[2], model.forward({batch_of({texts[2]}), rescaled(2)})[0], 1e-5, 1e-5));
}

TEST_CASE("a convolution stays within each text, and sees no late soft token") {
  const Configuration c =
      configuration_of(small, {{"conv_kernel_size", int64_t{5}}, {"conv_groups", int64_t{2}}});
  const Deberta model({c, older});
  CHECK(model.weights().at("deberta.encoder.conv.conv.weight").sizes() == at::IntArrayRef({24, 12, 5}));
  const std::vector<std::vector<int64_t>> texts{{2, 3, 4, 5, 6, 7}, {8}, {9, 10, 11}};
  const at::Tensor together = model.forward({batch_of(texts), {}, nullptr, true});
  int64_t at = 0;
  for (const std::vector<int64_t>& text : texts) {
    const at::Tensor alone = model.forward({batch_of({text}), {}, nullptr, true});
    CHECK(at::allclose(together.narrow(0, at, alone.size(0)), alone, 1e-5, 1e-5));
    at += alone.size(0);
  }
  Conditioning late;
  late.late_embeddings = at::ones({2, 24});
  const Batch batch = with_late_tokens(batch_of({{0, 0, 9, 10, 11}}), {2}, {1});
  CHECK(at::allclose(model.forward({batch, late, nullptr, false, 1}).narrow(0, 2, 3),
                     model.forward({batch_of({texts[2]}), {}, nullptr, false, 1}), 1e-5, 1e-5));
  // One layer computes the selected tokens only.
  const Configuration one =
      configuration_of(small, {{"conv_kernel_size", int64_t{3}}, {"num_hidden_layers", int64_t{1}}});
  const Deberta shallow({one, older});
  const Batch all = batch_of(texts);
  CHECK(at::allclose(shallow.forward({with_selected(all, {1, 6, 8}), {}}),
                     shallow.forward({all, {}, nullptr, true}).index_select(0, long_tensor({1, 6, 8})), 1e-5,
                     1e-5));
}

TEST_CASE("the head is the one that the checkpoint has, and the configuration chooses between two") {
  const RandomWeights both(1);
  const auto head_of = [&](const Configuration& c, const Weights& weights) {
    const Deberta model({c, weights});
    return std::pair(model.weights().count("lm_predictions.lm_head.bias"),
                     model.weights().count("cls.predictions.bias"));
  };
  using Found = std::pair<std::size_t, std::size_t>;
  const Configuration unsaid = configuration_of(small),
                      not_legacy = configuration_of(small, {{"legacy", false}});
  CHECK(head_of(unsaid, newer) == Found{1, 0});
  CHECK(head_of(not_legacy, older) == Found{0, 1});
  CHECK(head_of(unsaid, both) == Found{0, 1});
  CHECK(head_of(not_legacy, both) == Found{1, 0});
  const Deberta headless({unsaid, bare});
  CHECK(!headless.shape().has_lm_head);
  CHECK_THROWS_WITH_AS(headless.project({at::zeros({1, 24}), {OutputRequest::Kind::logits, {}}}),
                       doctest::Contains("this DeBERTa checkpoint has no masked-LM head"), Error);
}

TEST_CASE("there is no limit to a text without absolute positions") {
  CHECK(Deberta::describe(configuration_of(small)).max_positions == 0);
  CHECK(Deberta::describe(configuration_of(sizes)).max_positions == 32);
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  const auto refused = [](const Values& form, const char* why) {
    CHECK_THROWS_WITH_AS(Deberta::describe(configuration_of(small, form)), doctest::Contains(why), DataError);
  };
  refused({{"conv_kernel_size", int64_t{4}}}, "config.json: conv_kernel_size is 4");
  refused({{"conv_kernel_size", int64_t{3}}, {"conv_groups", int64_t{5}}}, "config.json: conv_groups is 5");
  refused({{"position_buckets", int64_t{64}}, {"max_relative_positions", int64_t{20}}},
          "config.json: max_relative_positions is 20");
}
