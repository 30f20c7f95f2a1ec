#include "knn_verbalizer.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using knn::KnnVerbalizer;

namespace {

const testing::WordVocabulary vocabulary({{"good", {2}}, {"bad", {3}}, {"odd", {4}}}, 6);

/// A model of hidden size 2 whose head over five tokens is a table.
class Head final : public testing::NoBackbone {
public:
  Head() {
    shape_.hidden = 2;
    table_ = at::tensor({1., 0., 0., 1., -1., 0.5, 2., -1., 0.3, 0.3}, at::kFloat).view({5, 2});
  }
  at::Tensor project(const ProjectArgs& args) const override {
    return at::log_softmax(args.hidden.matmul(table_.t()), 1);
  }
  at::Tensor table_;
};
const Head backbone;

const at::Tensor kept = at::tensor({0., 0., 1., 0., 1., 1., -2., 0.5, 3., 3.}, at::kFloat).view({5, 2});
const std::vector<int64_t> kept_labels{0, 0, 1, 1, 1};

/// Returns the states above for the requested examples.
class Kept final : public testing::NoScorer {
public:
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    CHECK(request.output.kind == OutputRequest::Kind::hidden_states);
    Batch batch;
    std::vector<int64_t> rows;
    for (const Example* example : request.examples) {
      batch.examples.push_back(example);
      rows.push_back(example->line);
    }
    if (!rows.empty())
      use(kept.index_select(0, at::tensor(rows, at::kLong)), batch);
  }
};

KnnVerbalizer prepared(int64_t k, const std::string& distance, double temperature) {
  Options options;
  options.set("k", k);
  options.set("distance", distance);
  options.set("temperature", temperature);
  options.set("rows", int64_t{5});
  KnnVerbalizer verbalizer(options);
  verbalizer.prepare({vocabulary, backbone, {"a", "b", "c"}, {{"good"}, {"bad"}, {"odd"}}});
  return verbalizer;
}

void fit(KnnVerbalizer& verbalizer) {
  std::vector<Example> rows(kept_labels.size());
  std::vector<const Example*> examples;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].label = kept_labels[i];
    rows[i].line = static_cast<int64_t>(i);
    examples.push_back(&rows[i]);
  }
  Kept scorer;
  verbalizer.fit({scorer, examples, VerbalizerFitArgs::Moment::after_training});
}

std::vector<double> distribution(double x, double y) {
  std::vector<double> logits;
  double sum = 0;
  for (int64_t token = 0; token < 5; ++token) {
    logits.push_back(
        std::exp(x * backbone.table_[token][0].item<double>() + y * backbone.table_[token][1].item<double>()));
    sum += logits.back();
  }
  for (double& each : logits)
    each /= sum;
  return logits;
}

/// The paper's distance and a weighted vote, element by element.
std::vector<double> shares(double x, double y, std::size_t k, bool kl, double temperature) {
  std::vector<std::pair<double, int64_t>> neighbours;
  for (int64_t i = 0; i < 5; ++i) {
    const double a = kept[i][0].item<double>(), b = kept[i][1].item<double>();
    double distance = ((x - a) * (x - a) + (y - b) * (y - b)) / 2;
    if (kl) {
      distance = 0;
      const std::vector<double> p = distribution(a, b), q = distribution(x, y);
      for (std::size_t v = 0; v < p.size(); ++v)
        distance += p[v] * std::log(p[v] / q[v]);
    }
    neighbours.emplace_back(distance, kept_labels[static_cast<std::size_t>(i)]);
  }
  std::ranges::sort(neighbours);
  std::vector<double> votes(3, 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < k; ++i) {
    const double vote = std::exp(-neighbours[i].first / temperature);
    votes[static_cast<std::size_t>(neighbours[i].second)] += vote;
    sum += vote;
  }
  for (double& each : votes)
    each /= sum;
  return votes;
}

} // namespace

TEST_CASE("scores are the logarithms of the nearest examples' votes, by either distance") {
  const at::Tensor inputs = at::tensor({0.9, 0.2, -1., 0.4}, at::kFloat).view({2, 2});
  for (const bool kl : {true, false})
    for (const int64_t k : {int64_t{1}, int64_t{3}, int64_t{5}})
      for (const double temperature : {0.5, 1e6}) {
        CAPTURE(kl);
        CAPTURE(k);
        KnnVerbalizer verbalizer = prepared(k, kl ? "kl" : "euclidean", temperature);
        fit(verbalizer);
        const Scores scores = verbalizer.score({inputs, Batch{}});
        REQUIRE(scores.offsets == std::vector<int64_t>{0, 3, 6});
        for (int64_t row = 0; row < 2; ++row) {
          const std::vector<double> expected =
              shares(inputs[row][0].item<double>(), inputs[row][1].item<double>(), static_cast<std::size_t>(k),
                     kl, temperature);
          for (int64_t label = 0; label < 3; ++label) // smoothed by a thousandth, over three labels
            CHECK(scores.values[3 * row + label].item<double>() ==
                  doctest::Approx(std::log((expected[static_cast<std::size_t>(label)] + 1e-3) / 1.003))
                      .epsilon(1e-4));
        }
      }
}

TEST_CASE("until examples are kept the label words decide, and again when training begins anew") {
  KnnVerbalizer verbalizer = prepared(3, "kl", 1);
  CHECK(verbalizer.output_request().kind == OutputRequest::Kind::logits);
  CHECK(at::equal(verbalizer.score({at::tensor({1., 5., 2.}, at::kFloat).view({1, 3}), Batch{}}).values,
                  at::tensor({1., 5., 2.}, at::kFloat)));
  fit(verbalizer);
  CHECK(verbalizer.output_request().kind == OutputRequest::Kind::hidden_states);
  Kept scorer;
  verbalizer.fit({scorer, {}, VerbalizerFitArgs::Moment::before_training});
  CHECK(verbalizer.output_request().kind == OutputRequest::Kind::logits);
  CHECK_THROWS_WITH_AS(verbalizer.fit({scorer, {}, VerbalizerFitArgs::Moment::after_training}),
                       doctest::Contains("none can be used"), DataError);
}

TEST_CASE("a card has the states and labels, and one that does not fit is refused") {
  KnnVerbalizer one = prepared(3, "kl", 1), other = prepared(3, "kl", 1);
  fit(one);
  other.load_state(one.state());
  const at::Tensor inputs = at::tensor({0.4, 0.7}, at::kFloat).view({1, 2});
  CHECK(at::equal(one.score({inputs, Batch{}}).values, other.score({inputs, Batch{}}).values));
  ComponentState wrong = one.state();
  wrong.tensors["labels"] = at::full({5}, 3.0f);
  CHECK_THROWS_WITH_AS(other.load_state(wrong), doctest::Contains("does not have"), DataError);
  wrong = one.state();
  wrong.tensors["states"] = at::zeros({5, 3});
  CHECK_THROWS_AS(other.load_state(wrong), DataError);
}

TEST_CASE("gradients reach the hidden states") {
  for (const char* distance : {"kl", "euclidean"}) {
    KnnVerbalizer verbalizer = prepared(3, distance, 1);
    fit(verbalizer);
    const at::Tensor inputs = at::tensor({0.6, 0.6}, at::kFloat).view({1, 2}).requires_grad_();
    Batch batch;
    batch.labels = at::tensor(std::vector<int64_t>{1});
    verbalizer.loss({verbalizer.score({inputs, batch}), batch}).backward();
    CHECK(inputs.grad().abs().sum().item<double>() > 1e-3);
  }
}
