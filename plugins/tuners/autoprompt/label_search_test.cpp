// Both steps of the label-word search, against numbers computed by hand or independently.
#include "label_search.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

TEST_CASE("the classifier takes the same Adam steps as a direct computation") {
  // 20 examples are one batch, so an epoch is one step and the order is irrelevant.
  const at::Tensor states = Random(1).normal_tensor({20, 5}, 1);
  const at::Tensor labels = at::arange(20) % 3;
  const at::Tensor x = at::cat({states.to(at::kDouble), at::ones({20, 1}, at::kDouble)}, 1);
  const at::Tensor truth = at::one_hot(labels, 3).to(at::kDouble);
  at::Tensor w = at::zeros({3, 6}, at::kDouble), m = at::zeros_like(w), v = at::zeros_like(w);
  for (int step = 1; step <= 40; ++step) {
    const at::Tensor gradient = (at::softmax(x.matmul(w.t()), 1) - truth).t().matmul(x) / 20;
    m = 0.9 * m + 0.1 * gradient;
    v = 0.999 * v + 0.001 * gradient * gradient;
    w = w - 3e-4 * (m / (1 - std::pow(0.9, step))) / ((v / (1 - std::pow(0.999, step))).sqrt() + 1e-8);
  }
  const at::Tensor found = label_classifier(states, labels, 3, 40, 7);
  CHECK((found.to(at::kDouble) - w.slice(1, 0, 5)).abs().max().item<double>() < 1e-6);
  CHECK(found.abs().max().item<double>() > 5e-3);
  CHECK_FALSE(found.requires_grad());
}

TEST_CASE("training uses every example, in an order that depends on the seed") {
  const at::Tensor states = Random(2).normal_tensor({70, 4}, 1);
  const at::Tensor labels = (states.select(1, 2) > 0).to(at::kLong);
  const at::Tensor found = label_classifier(states, labels, 2, 1000, 7);
  const at::Tensor right = states.matmul(found.t()).argmax(1).eq(labels);
  CHECK(right.sum().item<int64_t>() >= 64);
  CHECK(label_classifier(states, labels, 2, 3, 7).equal(label_classifier(states, labels, 2, 3, 7)));
  CHECK_FALSE(label_classifier(states, labels, 2, 3, 7).equal(label_classifier(states, labels, 2, 3, 8)));
}

TEST_CASE("each word is assigned to its most probable label, the most probable words first") {
  // The two products of a column differ by the log odds: p(label 0) = 0.5, 0.9, 0.2, 0.99, 0.6.
  const at::Tensor odds =
      at::tensor({0.0, std::log(9), -std::log(4), std::log(99), std::log(1.5)}, at::kDouble);
  const at::Tensor products = at::stack({odds + 100, at::zeros({5}, at::kDouble) + 100});
  using Ids = std::vector<std::vector<int64_t>>;
  CHECK(most_telling(products, {0, 1, 2, 3, 4}, 2) == Ids{{3, 1}, {2}});
  CHECK(most_telling(products, {1, 2, 4}, 5) == Ids{{1, 4}, {2}}); // tokens outside the list are ignored
  CHECK_THROWS_WITH_AS(most_telling(products, {1, 3}, 1), doctest::Contains("label 2"), DataError);
  // Ties, where probabilities round to 1, keep their order.
  const at::Tensor steep = at::stack({at::tensor({900.0, 950.0, 0.0}), at::tensor({0.0, 0.0, 900.0})});
  CHECK(most_telling(steep, {0, 1, 2}, 2)[0] == std::vector<int64_t>{0, 1});
}
