// A pretended model whose state says the label by its direction and whose head scores words with a bias.
#include "prototypical.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::prototypical;

namespace {

constexpr auto before = Verbalizer::Moment::before_training, after = Verbalizer::Moment::after_training;
constexpr int64_t hidden = 6;
const testing::WordVocabulary vocabulary({{"red", {0}}, {"green", {1}}, {"blue", {2}}, {"dark", {3}}}, 5);
const at::Tensor rows = (at::arange(30, at::kFloat) * 0.9).sin().view({5, hidden});
const at::Tensor bias = at::tensor({0.5f, -0.25f, 0.0f, 1.0f, 2.0f});

class TableBackbone final : public testing::NoBackbone {
public:
  TableBackbone() { shape_.hidden = hidden; }
  at::Tensor token_rows(TokenTable, const at::Tensor& ids) const override { return rows.index_select(0, ids); }
};

/// The state of a row: its label's direction, and something of the row's own.
at::Tensor state_of(const Example& row) {
  return (at::arange(hidden, at::kFloat) * static_cast<float>(row.label + 1)).sin() +
         0.2f * (at::arange(hidden, at::kFloat) * static_cast<float>(row.line)).cos();
}

class PretendedScorer final : public testing::NoScorer {
public:
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    std::vector<at::Tensor> states;
    Batch batch;
    asked = request.examples;
    for (const Example* example : request.examples) {
      states.push_back(state_of(*example));
      batch.examples.push_back(example);
    }
    if (request.prompts)
      states.push_back(at::ones({hidden}));
    const at::Tensor h = at::stack(states) + changed;
    use(request.readout.kind == Readout::Kind::scores
            ? (h.matmul(rows.t()) * (1 + changed) + bias).index_select(1, request.readout.ids)
            : h,
        batch);
  }
  std::vector<Prompt> blank() override { return {Prompt{}}; }
  std::vector<const Example*> asked;
  float changed = 0; ///< of the model's own head, behind its back
};

struct Rows {
  std::vector<Example> examples{24};
  std::vector<const Example*> pointers;
  explicit Rows(int64_t labels = 3) {
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
      {vocabulary, backbone, {"r", "g", "b"}, {{"red"}, {"green", "dark"}, {"blue"}}, {}, {}, 3});
  return verbalizer;
}

/// Scores of the labels' words for token scores [n, 4].
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

TEST_CASE("words are scored while the tuner learns, states afterwards") {
  Prototypical verbalizer = prepared(options());
  PretendedScorer scorer;
  const Rows rows_of;
  verbalizer.calibrate(scorer);
  verbalizer.fit(scorer, rows_of.pointers, before);
  CHECK((verbalizer.readout().kind == Readout::Kind::scores));
  CHECK(verbalizer.readout().ids.equal(at::tensor({0, 1, 2, 3}, at::kLong)));
  const at::Tensor tokens = at::randn({2, 4}).set_requires_grad(true);
  Batch batch;
  batch.labels = at::tensor({2, 0}, at::kLong);
  const Scores scores = verbalizer.score(tokens, batch, {true, 0});
  CHECK(at::allclose(scores.values.view({2, 3}), by_words(tokens), 1e-4, 1e-5));
  verbalizer.loss(scores, batch).backward();
  CHECK(tokens.grad().abs().sum(1).gt(0).all().item<bool>());

  verbalizer.fit(scorer, rows_of.pointers, after);
  CHECK((verbalizer.readout().kind == Readout::Kind::hidden));
  CHECK(scorer.asked.size() == 15); // five of each label
  Rows unseen;
  std::vector<at::Tensor> states;
  std::vector<int64_t> gold;
  for (Example& row : unseen.examples) {
    row.line += 100;
    states.push_back(state_of(row));
    gold.push_back(row.label);
  }
  const at::Tensor h = at::stack(states), cosines = verbalizer.score(h, {}, {}).values.view({-1, 3});
  CHECK(cosines.argmax(1).equal(at::tensor(gold)));
  CHECK(cosines.abs().max().item<float>() <= 1.0001f);
  verbalizer.fit(scorer, rows_of.pointers, before); // a run that goes on from a card
  CHECK((verbalizer.readout().kind == Readout::Kind::scores));
}

TEST_CASE("with words beside them, both sides are standardised and added; the head's bias is found") {
  for (const std::string calibrate : {"none", "blank"}) {
    CAPTURE(calibrate);
    Prototypical verbalizer = prepared(options("prototypes-and-words", calibrate));
    PretendedScorer scorer;
    const Rows rows_of;
    verbalizer.calibrate(scorer);
    verbalizer.fit(scorer, rows_of.pointers, before);
    verbalizer.fit(scorer, rows_of.pointers, after);
    CHECK((verbalizer.readout().kind == Readout::Kind::transformed));
    const Learned learned = verbalizer.export_learned();
    CHECK(at::allclose(learned.tensors.at("word_bias"), bias.narrow(0, 0, 4), 1e-4, 1e-4));
    const Prototypes prototypes{learned.tensors.at("projection"), learned.tensors.at("prototypes")};
    const at::Tensor h = at::randn({5, hidden}), tokens = (h.matmul(rows.t()) + bias).narrow(1, 0, 4);
    at::Tensor prior;
    if (calibrate == "blank")
      prior = (at::ones({1, hidden}).matmul(rows.t()) + bias).narrow(1, 0, 4);
    const auto z = [](const at::Tensor& s) { return (s - s.mean({1}, true)) / s.std({1}, true, true); };
    CHECK(at::allclose(verbalizer.score(h, {}, {}).values.view({5, 3}),
                       (z(prototypes.cosines(h)) + z(by_words(tokens, prior))) / 2, 1e-3, 1e-4));
  }
}

TEST_CASE("a card brings it all back") {
  for (const std::string decide_by : {"prototypes", "prototypes-and-words"}) {
    Prototypical verbalizer = prepared(options(decide_by, "train")),
                 restored = prepared(options(decide_by, "train"));
    PretendedScorer scorer;
    const Rows rows_of;
    verbalizer.fit(scorer, rows_of.pointers, before);
    verbalizer.fit(scorer, rows_of.pointers, after);
    const Learned learned = verbalizer.export_learned();
    restored.import_learned(learned);
    const at::Tensor h = at::randn({4, hidden});
    CHECK((restored.readout().kind == verbalizer.readout().kind));
    CHECK(restored.score(h, {}, {}).values.equal(verbalizer.score(h, {}, {}).values));
    for (const auto& [tensor, unused] : learned.tensors) {
      Learned lacking = learned;
      lacking.tensors.erase(tensor);
      CHECK_THROWS_WITH_AS(restored.import_learned(lacking), doctest::Contains(tensor.c_str()), DataError);
    }
  }
}

TEST_CASE("a model without a head has prototypes alone") {
  TableBackbone headless;
  headless.shape_.scores_vocabulary = false;
  Prototypical verbalizer(options());
  verbalizer.prepare({vocabulary, headless, {"r", "g"}, {}, {}, {}, 3});
  PretendedScorer scorer;
  const Rows rows_of(2);
  verbalizer.calibrate(scorer);
  verbalizer.fit(scorer, rows_of.pointers, before);
  CHECK_THROWS_WITH_AS(verbalizer.score(at::zeros({1, hidden}), {}, {}),
                       doctest::Contains("no prototypes before"), UsageError);
  verbalizer.fit(scorer, rows_of.pointers, after);
  CHECK(verbalizer.score(state_of(rows_of.examples[1]).unsqueeze(0), {}, {}).values.argmax().item<int64_t>() ==
        1);
}

TEST_CASE("what can't work is said") {
  PretendedScorer scorer;
  Prototypical verbalizer = prepared(options("prototypes-and-words"));
  const Rows two(2), three;
  CHECK_THROWS_WITH_AS(verbalizer.fit(scorer, two.pointers, after), doctest::Contains("\"b\" has none"),
                       DataError);
  scorer.changed = 0.5f;
  CHECK_THROWS_WITH_AS(verbalizer.fit(scorer, three.pointers, after),
                       doctest::Contains("the tuner changed them"), UsageError);
  Prototypical of_two(options("prototypes-and-words"));
  CHECK_THROWS_WITH_AS(of_two.prepare({vocabulary, backbone, {"r", "g"}, {{"red"}, {"green"}}}),
                       doctest::Contains("which is larger"), UsageError);
}
