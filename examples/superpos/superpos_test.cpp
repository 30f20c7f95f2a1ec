// The paper's sum and its gradients against an element-wise implementation, and the contents of a card.
#include "superpos.hpp"

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
using superpos::Superpos;

namespace {

constexpr int64_t width = 6, length = 3, mixed = 4, own = 1, rows = own + length; // `own`: the template's slots

/// A model with word embeddings only.
class Embeddings final : public testing::NoBackbone {
public:
  Embeddings() { shape_.embedding_width = shape_.hidden = width; }
  at::Tensor token_vectors(TokenTable, const at::Tensor& ids) const override {
    asked_for = ids;
    return table.index_select(0, ids);
  }
  at::Tensor table = Random(7).normal_tensor({50, width}, 0.3);
  mutable at::Tensor asked_for; ///< the tokens that were sampled
};

struct Prepared {
  explicit Prepared(const std::string& start = "token", bool offsets = true, uint64_t seed = 1,
                    SoftSlot slot = {})
      : prompt_template({slot}), tuner(options(start, offsets)) {
    Problem problem{backbone, vocabulary, {Task{"task", prompt_template, verbalizer, {}}}};
    problem.seed = seed;
    tuner.prepare(problem);
  }
  static Options options(const std::string& start, bool offsets) {
    Options result;
    result.set("length", length);
    result.set("tokens", mixed);
    result.set("start", start);
    result.set("offsets", offsets);
    result.set("offset-decay", 0.5);
    return result;
  }
  at::Tensor prompt() const { return tuner.condition({}).embeddings; }

  Embeddings backbone;
  testing::WordVocabulary vocabulary{{}, 50};
  testing::SlottedTemplate prompt_template;
  testing::NamedLabels verbalizer;
  Superpos tuner;
};

} // namespace

TEST_CASE("each virtual token is the weighted sum of the tokens' embeddings; gradients are that sum's") {
  for (const bool offsets : {true, false}) {
    CAPTURE(offsets);
    Prepared prepared("mixture", offsets);
    const std::vector<ParameterGroup> groups = prepared.tuner.parameters();
    REQUIRE(groups.size() == (offsets ? 2 : 1));
    const at::Tensor weights = groups[0].tensors.at(0);
    CHECK(groups[0].weight_decay == 0);
    at::Tensor delta = at::zeros({rows, mixed, width});
    if (offsets) {
      CHECK(groups[1].weight_decay == 0.5);
      CHECK(at::equal(groups[1].tensors.at(0), delta)); // the paper: initially zero
      delta = Random(3).normal_tensor(delta.sizes(), 0.1);
      const at::NoGradGuard no_grad;
      groups[1].tensors[0].copy_(delta);
    }
    const at::Tensor words = prepared.backbone.table.index_select(0, prepared.backbone.asked_for);
    REQUIRE(words.size(0) == mixed);
    const at::Tensor prompt = prepared.prompt(), upper = Random(5).normal_tensor({rows, width}, 1);
    REQUIRE(prompt.sizes() == at::IntArrayRef({rows, width}));
    (prompt * upper).sum().backward();
    const auto number = [](const at::Tensor& tensor) { return tensor.item<double>(); };
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t w = 0; w < width; ++w) {
        double sum = 0;
        for (int64_t j = 0; j < mixed; ++j)
          sum += (number(words[j][w]) + number(delta[i][j][w])) * number(weights[i][j]);
        CHECK(number(prompt[i][w]) == doctest::Approx(sum).epsilon(1e-4));
      }
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < mixed; ++j) {
        double slope = 0;
        for (int64_t w = 0; w < width; ++w) {
          slope += number(upper[i][w]) * (number(words[j][w]) + number(delta[i][j][w]));
          if (offsets)
            CHECK(number(groups[1].tensors[0].grad()[i][j][w]) ==
                  doctest::Approx(number(upper[i][w]) * number(weights[i][j])).epsilon(1e-4));
        }
        CHECK(number(weights.grad()[i][j]) == doctest::Approx(slope).epsilon(1e-4));
      }
  }
}

TEST_CASE("start=token: the virtual tokens are the sampled tokens; start=mixture: none is, by seed") {
  const Prepared one;
  CHECK(at::equal(one.prompt(), one.backbone.table.index_select(0, one.backbone.asked_for).slice(0, 0, rows)));
  const Prepared first("mixture"), same("mixture"), other("mixture", true, 2);
  CHECK(at::equal(first.prompt(), same.prompt()));
  CHECK_FALSE(at::equal(first.prompt(), other.prompt()));
  CHECK(at::equal(first.backbone.asked_for, one.backbone.asked_for));
  CHECK_FALSE(at::allclose(first.prompt(), one.prompt(), 0.1, 0.1));
}

TEST_CASE("a card holds the sums alone; it gives the same bits, and is trained further by itself") {
  Prepared one("mixture"), other("mixture", true, 2);
  const ComponentState state = one.tuner.state(0);
  REQUIRE(state.tensors.size() == 1);
  other.tuner.load_state(state);
  CHECK(at::equal(one.prompt(), other.prompt()));
  REQUIRE(other.tuner.parameters().size() == 1);
  CHECK(other.prompt().is_same(other.tuner.parameters()[0].tensors.at(0)));
  CHECK(other.prompt().requires_grad());
  CHECK_THROWS_WITH_AS(other.tuner.load_state({}), doctest::Contains("soft prompt does not fit"), DataError);
}

TEST_CASE("a slot with a word to start from is refused; virtual tokens are numbered after the template's") {
  CHECK_THROWS_WITH_AS(Prepared("token", true, 1, SoftSlot{9}), doctest::Contains("{\"soft\": None}"),
                       UsageError);
  const Prepared prepared;
  std::vector<Prompt> prompts(1);
  prepared.tuner.edit(prompts, {Example{}});
  REQUIRE(prompts[0].prepended.size() == length);
  CHECK(prompts[0].prepended[0].slot == own);
}
