// A fake model whose hidden states point in a direction per label and whose head has a bias.
#include "prototypical.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::prototypical;

namespace {

constexpr auto before = VerbalizerFitArgs::Moment::before_training,
               after = VerbalizerFitArgs::Moment::after_training;
constexpr int64_t hidden = 6;
const testing::WordVocabulary vocabulary({{"red", {0}}, {"green", {1}}, {"blue", {2}}, {"dark", {3}}}, 5);
const at::Tensor table = (at::arange(30, at::kFloat) * 0.9).sin().view({5, hidden});
const at::Tensor bias = at::tensor({0.5f, -0.25f, 0.0f, 1.0f, 2.0f});

class TableBackbone final : public testing::NoBackbone {
public:
  TableBackbone() { shape_.hidden = hidden; }
  at::Tensor token_vectors(TokenTable, const at::Tensor& ids) const override {
    return table.index_select(0, ids);
  }
};

/// Its label's direction, plus noise from its line number.
at::Tensor state_of(const Example& example) {
  return (at::arange(hidden, at::kFloat) * static_cast<float>(example.label + 1)).sin() +
         0.2f * (at::arange(hidden, at::kFloat) * static_cast<float>(example.line)).cos();
}

class FakeScorer final : public testing::NoScorer {
public:
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    std::vector<at::Tensor> states;
    Batch batch;
    requested = request.examples;
    for (const Example* example : request.examples) {
      states.push_back(state_of(*example));
      batch.examples.push_back(example);
    }
    if (request.prompts)
      states.push_back(at::ones({hidden}));
    const at::Tensor h = at::stack(states) + changed;
    use(request.output.kind == OutputRequest::Kind::logits
            ? (h.matmul(table.t()) * (1 + changed) + bias).index_select(1, request.output.token_ids)
            : h,
        batch);
  }
  std::vector<Prompt> blank() override { return {Prompt{}}; }
  std::vector<const Example*> requested;
  float changed = 0; ///< perturbs hidden states and head
};

struct Data {
  std::vector<Example> examples{24};
  std::vector<const Example*> pointers;
  explicit Data(int64_t labels = 3) {
    for (std::size_t i = 0; i < examples.size(); ++i) {
      examples[i].label = static_cast<int64_t>(i) % labels;
      examples[i].line = static_cast<int64_t>(i);
      pointers.push_back(&examples[i]);
    }
  }
};

Options options(const std::string& decide_by = "prototypes", const std::string& calibrate = "none") {
  Options made;
  made.set("dimension", int64_t{4});
  made.set("epochs", int64_t{40});
  made.set("lr", 0.02);
  made.set("rows-per-label", int64_t{5});
  made.set("decide-by", decide_by);
  made.set("multi-token-handler", std::string("first"));
  made.set("prefix", std::string(" "));
  made.set("calibrate", calibrate);
  made.set("calibrate-rows", int64_t{200});
  return made;
}

const TableBackbone backbone;

Prototypical prepared(const Options& chosen) {
  Prototypical verbalizer(chosen);
  verbalizer.prepare(
      {vocabulary, backbone, {"r", "g", "b"}, {{"red"}, {"green", "dark"}, {"blue"}}, {}, {}, {}, 3});
  return verbalizer;
}

/// Label scores by words for token logits [n, 4].
at::Tensor by_words(const at::Tensor& tokens, const at::Tensor& prior = {}) {
  at::Tensor p = tokens.softmax(1);
  if (prior.defined()) {
    p = p / prior.softmax(1);
    p = p / p.sum(1, true);
  }
  const at::Tensor y = p.log();
  return at::stack({y.select(1, 0), (y.select(1, 1) + y.select(1, 3)) / 2, y.select(1, 2)}, 1);
}

} // namespace

TEST_CASE("words are scored during training, hidden states afterwards") {
  Prototypical verbalizer = prepared(options());
  FakeScorer scorer;
  const Data data;
  verbalizer.calibrate(scorer);
  verbalizer.fit({scorer, data.pointers, before});
  CHECK((verbalizer.output_request().kind == OutputRequest::Kind::logits));
  CHECK(verbalizer.output_request().token_ids.equal(at::tensor({0, 1, 2, 3}, at::kLong)));
  const at::Tensor tokens = at::randn({2, 4}).set_requires_grad(true);
  Batch batch;
  batch.labels = at::tensor({2, 0}, at::kLong);
  const Scores scores = verbalizer.score({tokens, batch, {true, 0}});
  CHECK(at::allclose(scores.values.view({2, 3}), by_words(tokens), 1e-4, 1e-5));
  verbalizer.loss({scores, batch}).backward();
  CHECK(tokens.grad().abs().sum(1).gt(0).all().item<bool>());

  verbalizer.fit({scorer, data.pointers, after});
  CHECK((verbalizer.output_request().kind == OutputRequest::Kind::hidden_states));
  CHECK(scorer.requested.size() == 15); // five of each label
  Data unseen;
  std::vector<at::Tensor> states;
  std::vector<int64_t> gold;
  for (Example& example : unseen.examples) {
    example.line += 100;
    states.push_back(state_of(example));
    gold.push_back(example.label);
  }
  const at::Tensor h = at::stack(states), cosines = verbalizer.score({h, {}}).values.view({-1, 3});
  CHECK(cosines.argmax(1).equal(at::tensor(gold)));
  CHECK(cosines.abs().max().item<float>() <= 1.0001f);
  verbalizer.fit({scorer, data.pointers, before}); // a run that continues from a card
  CHECK((verbalizer.output_request().kind == OutputRequest::Kind::logits));
}

TEST_CASE("with words, both scores are standardised and averaged; the head's bias is recovered") {
  for (const std::string calibrate : {"none", "blank"}) {
    CAPTURE(calibrate);
    Prototypical verbalizer = prepared(options("prototypes-and-words", calibrate));
    FakeScorer scorer;
    const Data data;
    verbalizer.calibrate(scorer);
    verbalizer.fit({scorer, data.pointers, before});
    verbalizer.fit({scorer, data.pointers, after});
    CHECK((verbalizer.output_request().kind == OutputRequest::Kind::transformed_states));
    const ComponentState state = verbalizer.state();
    CHECK(at::allclose(state.tensors.at("word_bias"), bias.narrow(0, 0, 4), 1e-4, 1e-4));
    const Prototypes prototypes{state.tensors.at("projection"), state.tensors.at("prototypes")};
    const at::Tensor h = at::randn({5, hidden}), tokens = (h.matmul(table.t()) + bias).narrow(1, 0, 4);
    at::Tensor prior;
    if (calibrate == "blank")
      prior = (at::ones({1, hidden}).matmul(table.t()) + bias).narrow(1, 0, 4);
    const auto z = [](const at::Tensor& s) { return (s - s.mean({1}, true)) / s.std({1}, true, true); };
    CHECK(at::allclose(verbalizer.score({h, {}}).values.view({5, 3}),
                       (z(prototypes.cosines(h)) + z(by_words(tokens, prior))) / 2, 1e-3, 1e-4));
  }
}

TEST_CASE("a card restores everything") {
  for (const std::string decide_by : {"prototypes", "prototypes-and-words"}) {
    Prototypical verbalizer = prepared(options(decide_by, "train")),
                 restored = prepared(options(decide_by, "train"));
    FakeScorer scorer;
    const Data data;
    verbalizer.fit({scorer, data.pointers, before});
    verbalizer.fit({scorer, data.pointers, after});
    const ComponentState state = verbalizer.state();
    restored.load_state(state);
    const at::Tensor h = at::randn({4, hidden});
    CHECK((restored.output_request().kind == verbalizer.output_request().kind));
    CHECK(restored.score({h, {}}).values.equal(verbalizer.score({h, {}}).values));
    for (const auto& [tensor, unused] : state.tensors) {
      ComponentState lacking = state;
      lacking.tensors.erase(tensor);
      CHECK_THROWS_WITH_AS(restored.load_state(lacking), doctest::Contains(tensor.c_str()), DataError);
    }
  }
}

TEST_CASE("a model without a head has prototypes only") {
  TableBackbone headless;
  headless.shape_.has_lm_head = false;
  Prototypical verbalizer(options());
  verbalizer.prepare({vocabulary, headless, {"r", "g"}, {}, {}, {}, {}, 3});
  FakeScorer scorer;
  const Data data(2);
  verbalizer.calibrate(scorer);
  verbalizer.fit({scorer, data.pointers, before});
  CHECK_THROWS_WITH_AS(verbalizer.score({at::zeros({1, hidden}), {}}),
                       doctest::Contains("no prototypes before"), UsageError);
  verbalizer.fit({scorer, data.pointers, after});
  CHECK(verbalizer.score({state_of(data.examples[1]).unsqueeze(0), {}}).values.argmax().item<int64_t>() == 1);
}

TEST_CASE("impossible combinations are reported") {
  FakeScorer scorer;
  Prototypical verbalizer = prepared(options("prototypes-and-words"));
  const Data two(2), three;
  CHECK_THROWS_WITH_AS(verbalizer.fit({scorer, two.pointers, after}), doctest::Contains("\"b\" has none"),
                       DataError);
  scorer.changed = 0.5f;
  CHECK_THROWS_WITH_AS(verbalizer.fit({scorer, three.pointers, after}),
                       doctest::Contains("the tuner changed them"), UsageError);
  Prototypical of_two(options("prototypes-and-words"));
  CHECK_THROWS_WITH_AS(of_two.prepare({vocabulary, backbone, {"r", "g"}, {{"red"}, {"green"}}}),
                       doctest::Contains("the sign of their difference"), UsageError);
}
