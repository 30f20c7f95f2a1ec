// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "albert.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using albert::Albert;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"num_hidden_layers", int64_t{3}},       {"hidden_size", int64_t{24}},
                   {"embedding_size", int64_t{10}},         {"num_attention_heads", int64_t{4}},
                   {"intermediate_size", int64_t{40}},      {"vocab_size", int64_t{50}},
                   {"max_position_embeddings", int64_t{32}}};

const RandomWeights headed(1), bare(1, [](std::string_view name) { return name.starts_with("predictions."); });

/// Embeddings, then the projection to hidden states.
OutsideLayers outside() {
  const OutsideLayers bert = outside_bert_layers();
  return {[bert](const Backbone& model, const at::Tensor& ids, const at::Tensor& positions) {
            return at::linear(bert.embed(model, ids, positions),
                              weight_ending(model, "embedding_hidden_mapping_in.weight"),
                              weight_ending(model, "embedding_hidden_mapping_in.bias"));
          },
          {}};
}

std::vector<std::string> layers_of(const Albert& model) {
  std::vector<std::string> names;
  for (const auto& [name, weight] : model.weights())
    if (name.ends_with(".ffn.weight"))
      names.push_back(name.substr(0, name.size() - 11));
  return names;
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  for (const Values& form :
       {Values{}, Values{{"num_hidden_groups", int64_t{3}}}, Values{{"num_hidden_layers", int64_t{1}}},
        Values{{"num_hidden_groups", int64_t{2}}, {"inner_group_num", int64_t{2}}},
        Values{{"embedding_size", int64_t{24}}, {"num_hidden_layers", int64_t{2}}}})
    for (const Weights* weights : {&headed, &bare})
      conforms<Albert>(configuration_of(small, form), *weights, outside());
}

TEST_CASE("layers are shared as transformers shares them, and each is there once") {
  // int(layer / (layers / groups)), as AlbertTransformer computes it.
  const std::map<std::pair<int64_t, int64_t>, std::vector<int64_t>> groups{
      {{3, 1}, {0, 0, 0}}, {{3, 2}, {0, 0, 1}}, {{5, 3}, {0, 0, 1, 1, 2}}, {{4, 4}, {0, 1, 2, 3}}};
  for (const auto& [sizes, group_of] : groups) {
    const Configuration shared =
        configuration_of(small, {{"num_hidden_layers", sizes.first}, {"num_hidden_groups", sizes.second}});
    const Configuration apart =
        configuration_of(small, {{"num_hidden_layers", sizes.first}, {"num_hidden_groups", sizes.first}});
    // A model without sharing, with copies of the shared weights in its layers.
    class Copied final : public Weights {
    public:
      explicit Copied(std::vector<int64_t> group_of) : group_of_(std::move(group_of)) {}
      bool has(std::string_view) const override { return true; }
      std::vector<std::string> names() const override { return {}; }
      at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
        const std::string before = "albert.encoder.albert_layer_groups.";
        std::string source(name);
        if (source.starts_with(before))
          source[before.size()] =
              static_cast<char>('0' + group_of_[static_cast<std::size_t>(source[before.size()] - '0')]);
        return headed.get(source, shape);
      }

    private:
      std::vector<int64_t> group_of_;
    };
    const Albert model({shared, headed}), copy({apart, Copied(group_of)});
    CHECK(model.shape().layers == sizes.first);
    CHECK(std::ssize(layers_of(model)) == sizes.second);
    CHECK(std::ssize(model.linear_layers()) == 6 * sizes.second);
    const Batch batch = batch_of({{2, 3, 4}, {5, 6}});
    CHECK(at::allclose(model.forward({batch, {}}), copy.forward({batch, {}}), 1e-6, 1e-6));
  }
  const Configuration inner = configuration_of(small, {{"inner_group_num", int64_t{2}}});
  CHECK(Albert::describe(inner).layers == 6);
  CHECK(Albert::describe(inner).sites.at(0).layers == 6);
  CHECK(std::ssize(layers_of(Albert({inner, headed}))) == 2);
}

TEST_CASE("an update of a shared layer counts wherever the layer is run") {
  const Configuration c = configuration_of(small);
  const Albert model({c, headed});
  const Batch batch = batch_of({{2, 3, 4}});
  Conditioning once;
  const LinearLayer layer = model.linear_layers().at(0);
  once.rescalings = {{layer.weight, at::full({layer.out}, 0.5)}};
  const at::Tensor after_one = model.forward({batch, once, nullptr, false, 1}),
                   after_two = model.forward({batch, once, nullptr, false, 2});
  class Halved final : public Weights {
  public:
    bool has(std::string_view name) const override { return headed.has(name); }
    std::vector<std::string> names() const override { return {}; }
    at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
      return headed.get(name, shape) * (name.find("attention.query.") == std::string_view::npos ? 1.0 : 0.5);
    }
  };
  const Albert halved({c, Halved()});
  CHECK(at::allclose(after_one, halved.forward({batch, {}, nullptr, false, 1}), 1e-5, 1e-5));
  CHECK(at::allclose(after_two, halved.forward({batch, {}, nullptr, false, 2}), 1e-5, 1e-5));
}

TEST_CASE("what the file leaves out is what transformers takes it for") {
  const BackboneShape shape = Albert::describe(Configuration("config.json"));
  CHECK(shape.hidden == 4096);
  CHECK(shape.heads == 64);
  CHECK(shape.embedding_width == 128);
  CHECK(shape.vocabulary == 30000);
  CHECK_THROWS_WITH_AS(Albert::describe(configuration_of(small, {{"num_hidden_groups", int64_t{4}}})),
                       doctest::Contains("config.json: num_hidden_groups is 4"), DataError);
}
