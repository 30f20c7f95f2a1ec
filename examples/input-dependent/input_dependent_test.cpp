// The generator's formula and its gradients against an independent implementation in float64, the requested features, and the
// contents of a card.
#include "input_dependent.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/testing/named_labels.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/slotted_template.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using input_dependent::InputDependent;

namespace {

constexpr int64_t width = 6, hidden = 8, length = 3, bottleneck = 4, own = 1, rows = own + length;

/// A model with word embeddings only.
class Embeddings final : public testing::NoBackbone {
public:
  Embeddings() {
    shape_.embedding_width = width;
    shape_.hidden = hidden;
  }
  at::Tensor token_vectors(TokenTable, const at::Tensor& ids) const override {
    return table.index_select(0, ids);
  }
  at::Tensor table = Random(7).normal_tensor({50, width}, 0.3);
};

struct Prepared {
  explicit Prepared(const std::string& features = "embeddings", uint64_t seed = 1) : tuner(options(features)) {
    Problem problem{backbone, vocabulary, {Task{"task", prompt_template, verbalizer, {}}}};
    problem.seed = seed;
    tuner.prepare(problem);
  }
  static Options options(const std::string& features) {
    Options result;
    result.set("length", length);
    result.set("bottleneck", bottleneck);
    result.set("features", features);
    result.set("weight-decay", 0.5);
    return result;
  }
  at::Tensor prompts(const at::Tensor& inputs) const { return tuner.condition({0, {}, inputs}).embeddings; }

  Embeddings backbone;
  testing::WordVocabulary vocabulary{{}, 50};
  testing::SlottedTemplate prompt_template{{SoftSlot{9}}};
  testing::NamedLabels verbalizer;
  InputDependent tuner;
};

/// [inputs, rows, width] in float64, of leaves in the order of `parameters`.
at::Tensor formula(const std::vector<at::Tensor>& leaf, const at::Tensor& inputs) {
  const at::Tensor centred = inputs - inputs.mean(1, true);
  const at::Tensor x = centred / (centred.square().mean(1, true) + 1e-5).sqrt();
  const at::Tensor inside = at::einsum("if,bf->ib", {x, leaf[0]}) + leaf[1];
  const at::Tensor active = inside * 0.5 * (1 + at::erf(inside / std::sqrt(2.0))); // Hendrycks & Gimpel 2016
  const at::Tensor up = leaf[2].view({rows, width, bottleneck});
  return at::einsum("ib,rwb->irw", {active, up}) + leaf[3];
}

std::vector<at::Tensor> trained(InputDependent& tuner) {
  std::vector<at::Tensor> tensors;
  for (const ParameterGroup& group : tuner.parameters())
    tensors.insert(tensors.end(), group.tensors.begin(), group.tensors.end());
  return tensors;
}

} // namespace

TEST_CASE("prompts and gradients are those of the formula, each input by itself") {
  for (const std::string features : {"embeddings", "states"}) {
    CAPTURE(features);
    Prepared prepared(features);
    const std::vector<at::Tensor> tensors = trained(prepared.tuner);
    REQUIRE(tensors.size() == 4);
    {
      const at::NoGradGuard no_grad; // so that the prompts differ much
      for (const at::Tensor& tensor : tensors)
        tensor.add_(Random(3).normal_tensor(tensor.sizes(), 0.5));
    }
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& tensor : tensors)
      leaves.push_back(tensor.detach().to(at::kDouble).requires_grad_());
    const at::Tensor inputs = Random(4).normal_tensor({5, features == "states" ? hidden : width}, 2);
    const at::Tensor found = prepared.prompts(inputs), expected = formula(leaves, inputs.to(at::kDouble));
    REQUIRE(found.sizes() == at::IntArrayRef({5, rows, width}));
    CHECK(at::allclose(found.to(at::kDouble), expected, 1e-4, 1e-4));
    CHECK_FALSE(at::allclose(found[0], found[1], 0.1, 0.1));
    CHECK(at::allclose(prepared.prompts(inputs.slice(0, 2, 3))[0], found[2], 1e-5, 1e-5));

    const at::Tensor upper = Random(5).normal_tensor(found.sizes(), 1);
    (found * upper).sum().backward();
    (expected * upper).sum().backward();
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      CAPTURE(i);
      REQUIRE(tensors[i].grad().defined());
      CHECK(leaves[i].grad().abs().sum().item<double>() > 0);
      CHECK(at::allclose(tensors[i].grad().to(at::kDouble), leaves[i].grad(), 1e-3, 1e-3));
    }
  }
}

TEST_CASE("it asks for the features that its option names, and for all soft slots") {
  using Kind = InputFeatures::Kind;
  const InputFeatures embeddings = Prepared().tuner.input_features(),
                      states = Prepared("states").tuner.input_features();
  CHECK((embeddings.kind == Kind::mean_embedding && states.kind == Kind::hidden_state && states.layers == -1));
  CHECK(embeddings.soft_slots == rows);
  const Prepared prepared;
  std::vector<Prompt> prompts(1);
  prepared.tuner.edit(prompts, {Example{}});
  REQUIRE(prompts[0].prepended.size() == length);
  CHECK(prompts[0].prepended[0].slot == own);
}

TEST_CASE("prompts start near word embeddings; an input without a token, and no input, have prompts, too") {
  Prepared prepared;
  const at::Tensor word = prepared.backbone.table[9], none = prepared.prompts(at::zeros({1, width}));
  CHECK(at::allclose(none[0][0], word)); // gelu(0) is 0
  CHECK((prepared.prompts(Random(4).normal_tensor({1, width}, 2))[0][0] - word).abs().max().item<double>() <
        0.1);
  CHECK(prepared.prompts(at::zeros({0, width})).sizes() == at::IntArrayRef({0, rows, width}));
}

TEST_CASE("the rows that inputs share have no weight decay; a card restores the generator") {
  Prepared one, other("embeddings", 2), states("states");
  CHECK(one.tuner.parameters().at(0).weight_decay == 0.5);
  CHECK(one.tuner.parameters().at(1).weight_decay == 0);
  const at::Tensor inputs = Random(4).normal_tensor({2, width}, 2);
  CHECK(at::equal(one.prompts(inputs), Prepared().prompts(inputs)));
  CHECK_FALSE(at::equal(one.prompts(inputs), other.prompts(inputs)));
  const ComponentState state = one.tuner.state(0);
  other.tuner.load_state(state);
  CHECK(at::equal(one.prompts(inputs), other.prompts(inputs)));
  CHECK_THROWS_WITH_AS(states.tuner.load_state(state), doctest::Contains("generator does not fit"), DataError);
}
