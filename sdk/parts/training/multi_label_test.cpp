// Loss, decisions and threshold of several labels per example, against the definitions in multi_label.hpp.
#include <cuecard/parts/training/multi_label.hpp>

#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// Three examples, of which the second has no known labels, the third none of them.
struct ThreeExamples {
  std::vector<Example> examples{3};
  Batch batch;
  Scores scores;

  ThreeExamples() {
    examples[0].label_set = std::vector<int64_t>{0, 2};
    examples[2].label_set.emplace();
    for (const Example& example : examples)
      batch.examples.push_back(&example);
    batch.cards = {0, 0, 0};
    scores.values = at::tensor({1.5, -0.3, 0.0, 9.0, 9.0, 9.0, -2.0, 0.4, 3.0}, at::kDouble);
    scores.offsets = {0, 3, 6, 9};
  }
};

double cross_entropy(double logit, bool right) {
  const double p = 1 / (1 + std::exp(-logit));
  return -std::log(right ? p : 1 - p);
}

} // namespace

TEST_CASE("the loss is the mean binary cross-entropy of the labels of examples whose labels are known") {
  ThreeExamples three;
  const double expected = (cross_entropy(1.5, true) + cross_entropy(-0.3, false) + cross_entropy(0, true) +
                           cross_entropy(-2, false) + cross_entropy(0.4, false) + cross_entropy(3, false)) /
                          6;
  CHECK(MultiLabel().loss({three.scores, three.batch}).item<double>() ==
        doctest::Approx(expected).epsilon(1e-12));
  three.scores.entries = {2, 1, 0}; // the decisions belong to other entries
  const double exchanged = (cross_entropy(1.5, false) + cross_entropy(-0.3, false) + cross_entropy(0, false) +
                            cross_entropy(-2, true) + cross_entropy(0.4, false) + cross_entropy(3, true)) /
                           6;
  CHECK(MultiLabel().loss({three.scores, three.batch}).item<double>() ==
        doctest::Approx(exchanged).epsilon(1e-12));
  three.examples[0].label_set = three.examples[2].label_set = std::nullopt;
  CHECK_THROWS_AS(MultiLabel().loss({three.scores, three.batch}), DataError);
}

TEST_CASE("labels are those whose probability reaches the threshold, which a card keeps") {
  const ThreeExamples three;
  MultiLabel several;
  const std::vector<Decision> decisions = several.decide({three.scores, three.batch});
  REQUIRE(decisions.size() == 3);
  CHECK(decisions[0].labels == std::vector<int64_t>{0, 2}); // 0.5 reaches 0.5
  CHECK(decisions[2].labels == std::vector<int64_t>{1, 2});
  CHECK(decisions[0].probabilities[1] == doctest::Approx(1 / (1 + std::exp(0.3))));

  several.load({{{"threshold", at::full({1}, 0.9, at::kDouble)}}, {}}, "head");
  CHECK(several.decide({three.scores, three.batch})[2].labels == std::vector<int64_t>{2});
  ComponentState saved;
  several.save(saved);
  CHECK(saved.tensors.at("threshold").item<double>() == 0.9);
  CHECK_THROWS_AS(several.load({}, "head"), DataError);
  CHECK_THROWS_WITH_AS(several.load({{{"threshold", at::full({1}, 1.5)}}, {}}, "head"),
                       doctest::Contains("must be between 0 and 1"), DataError);
}

TEST_CASE("the threshold has the highest F1 of all, halfway between two probabilities") {
  Random random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::pair<double, bool>> scored;
    for (int i = 0; i < 30; ++i)
      scored.emplace_back(static_cast<double>(1 + random.below(19)) / 20, random.below(3) == 0);
    const auto f1 = [&](double threshold) {
      double both = 0, on = 0, right = 0;
      for (const auto& [p, gold] : scored) {
        both += p >= threshold && gold;
        on += p >= threshold;
        right += gold;
      }
      return on + right > 0 ? 2 * both / (on + right) : 0;
    };
    double best = 0;
    for (int i = 0; i < 20; ++i)
      best = std::max(best, f1(i / 20.0));
    const double threshold = best_f1_threshold(scored);
    CHECK(f1(threshold) == doctest::Approx(best).epsilon(1e-12));
    for (const auto& [p, gold] : scored)
      CHECK(std::abs(p - threshold) > 1e-3);
  }
  CHECK(best_f1_threshold({{0.9, true}, {0.2, false}}) == doctest::Approx(0.55));
  CHECK(best_f1_threshold({{0.9, false}, {0.2, false}}) == 0.5);
  CHECK(best_f1_threshold({}) == 0.5);
}
