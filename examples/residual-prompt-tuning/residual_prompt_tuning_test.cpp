// The formulas of sections 3.1 to 3.3 against an independent implementation in float64, and the contents of a card.
#include "residual_prompt_tuning.hpp"

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
using residual_prompt_tuning::ResidualPromptTuning;

namespace {

constexpr int64_t width = 6, length = 3, bottleneck = 5, own = 1; // `own`: soft slots of the template

/// A model with word embeddings only.
class Embeddings final : public testing::NoBackbone {
public:
  Embeddings() { shape_.embedding_width = shape_.hidden = width; }
  at::Tensor token_vectors(TokenTable, const at::Tensor& ids) const override {
    return table_.index_select(0, ids);
  }

private:
  at::Tensor table_ = Random(7).normal_tensor({50, width}, 0.3);
};

struct Prepared {
  explicit Prepared(uint64_t seed = 1, double gain = 0) : tuner(options(gain)) {
    Problem problem{backbone, vocabulary, {Task{"task", prompt_template, verbalizer, {}}}};
    problem.seed = seed;
    tuner.prepare(problem);
  }
  static Options options(double gain) {
    Options result;
    result.set("length", length);
    result.set("bottleneck", bottleneck);
    result.set("gain", gain);
    result.set("weight-decay", 0.25);
    return result;
  }
  at::Tensor prompt() const { return tuner.condition({}).embeddings; }

  Embeddings backbone;
  testing::WordVocabulary vocabulary{{}, 50};
  testing::SlottedTemplate prompt_template{{SoftSlot{9}}};
  testing::NamedLabels verbalizer;
  ResidualPromptTuning tuner;
};

/// P + LayerNorm(W_up relu(W_down P)) of leaves in the order of `parameters`, in float64.
at::Tensor formula(const std::vector<at::Tensor>& leaf) {
  const at::Tensor inside = (at::einsum("pw,bw->pb", {leaf[0], leaf[1]}) + leaf[2]).clamp_min(0);
  const at::Tensor up = at::einsum("pb,wb->pw", {inside, leaf[3]}) + leaf[4];
  const at::Tensor centred = up - up.mean(1, true);
  const at::Tensor variance = centred.square().mean(1, true);
  return leaf[0] + centred / (variance + 1e-5).sqrt() * leaf[5] + leaf[6];
}

} // namespace

TEST_CASE("prompt and gradients are those of the paper's formula") {
  Prepared prepared;
  const std::vector<ParameterGroup> groups = prepared.tuner.parameters();
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].weight_decay == 0.25);
  REQUIRE(groups[0].tensors.size() == 7);
  {
    const at::NoGradGuard no_grad; // not only where biases are zero
    for (const at::Tensor& tensor : groups[0].tensors)
      tensor.add_(Random(3).normal_tensor(tensor.sizes(), 0.1));
  }
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& tensor : groups[0].tensors)
    leaves.push_back(tensor.detach().to(at::kDouble).requires_grad_());
  const at::Tensor weights = Random(5).normal_tensor({own + length, width}, 1);
  const at::Tensor expected = formula(leaves);
  CHECK(at::allclose(prepared.prompt().to(at::kDouble), expected, 1e-5, 1e-5));
  (prepared.prompt() * weights).sum().backward();
  (expected * weights).sum().backward();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    CAPTURE(i);
    REQUIRE(groups[0].tensors[i].grad().defined());
    CHECK(leaves[i].grad().abs().sum().item<double>() > 0);
    CHECK(at::allclose(groups[0].tensors[i].grad().to(at::kDouble), leaves[i].grad(), 1e-4, 1e-4));
  }
}

TEST_CASE("as many parameters as appendix A.6 counts, and the biases of the authors' code") {
  Prepared prepared;
  const std::vector<ParameterGroup> groups = prepared.tuner.parameters();
  int64_t count = 0;
  for (const at::Tensor& tensor : groups[0].tensors)
    count += tensor.numel();
  const int64_t d = width, m = bottleneck, rows = own + length;
  CHECK(count == 2 * d * m + 2 * d + d * rows + (m + d));
}

TEST_CASE("rows start from words, and the network's output is as large as they are, or as the gain says") {
  Prepared prepared, with_gain(1, 2);
  const at::Tensor rows = prepared.tuner.parameters()[0].tensors[0].detach();
  CHECK(at::equal(rows[0], prepared.backbone.token_vectors(TokenTable::input, at::tensor({9}))[0]));
  const auto deviation = [](const Prepared& of, const at::Tensor& from) {
    return (of.prompt() - from).square().mean().sqrt().item<double>(); // of layer norm's output: the gain
  };
  CHECK(deviation(prepared, rows) == doctest::Approx(rows.std().item<double>()).epsilon(0.01));
  CHECK(deviation(with_gain, rows) == doctest::Approx(2).epsilon(0.01));
}

TEST_CASE("a card holds the prompt and no network; it gives the same bits, and is trained further by itself") {
  Prepared one(1), other(2);
  CHECK_FALSE(at::equal(one.prompt(), other.prompt()));
  CHECK(at::equal(one.prompt(), Prepared(1).prompt()));
  const ComponentState state = one.tuner.state(0);
  REQUIRE(state.tensors.size() == 1);
  CHECK(state.tensors.at("prompt").sizes() == at::IntArrayRef({own + length, width}));
  other.tuner.load_state(state);
  CHECK(at::equal(one.prompt(), other.prompt()));
  REQUIRE(other.tuner.parameters()[0].tensors.size() == 1);
  CHECK(other.prompt().is_same(other.tuner.parameters()[0].tensors[0]));
  CHECK_THROWS_WITH_AS(other.tuner.load_state({}), doctest::Contains("soft prompt does not fit"), DataError);
}

TEST_CASE("virtual tokens are numbered after the template's soft slots") {
  const Prepared prepared;
  std::vector<Prompt> prompts(2);
  prepared.tuner.edit(prompts, {Example{}});
  for (const Prompt& prompt : prompts) {
    REQUIRE(prompt.prepended.size() == length);
    CHECK(prompt.prepended[0].slot == own);
  }
}
