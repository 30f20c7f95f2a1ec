// Decisions among unequal numbers of labels, against the log-softmax of each decision.
#include <cuecard/parts/training/label_loss.hpp>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

TEST_CASE("the loss is the mean cross-entropy of the labelled decisions, gradients included") {
  Batch batch; // five entries, the last three of them one decision
  batch.labels = at::tensor({1, -1, 2, 2, 2}, at::kLong);
  const at::Tensor values = at::randn({8}, at::kDouble).set_requires_grad(true);
  const at::Tensor loss = label_loss({values, {0, 2, 5, 8}, {0, 1, 2}}, batch);
  loss.backward();
  const at::Tensor got = values.grad().clone();
  values.mutable_grad().zero_();
  const at::Tensor expected =
      -(values.slice(0, 0, 2).log_softmax(0)[1] + values.slice(0, 5, 8).log_softmax(0)[2]) / 2;
  expected.backward();
  CHECK(loss.item<double>() == doctest::Approx(expected.item<double>()));
  CHECK(at::allclose(got, values.grad()));
  CHECK(got.slice(0, 2, 5).abs().sum().item<double>() == 0); // the decision has no label
}

TEST_CASE("by default decisions are entries in order; without labels the loss is 0") {
  Batch batch;
  batch.labels = at::tensor({0, 1}, at::kLong);
  const at::Tensor values = at::tensor({1.0, 2.0, 0.5, 3.0});
  CHECK(label_loss({values, {0, 2, 4}, {}}, batch).item<double>() ==
        doctest::Approx(-values.view({2, 2}).log_softmax(1).diagonal().mean().item<double>()));
  batch.labels = at::tensor({-1, -1}, at::kLong);
  CHECK(label_loss({values, {0, 2, 4}, {}}, batch).item<double>() == 0);
}

TEST_CASE("the negative log-likelihood is a mean over labelled items, and 0 without any") {
  const at::Tensor scores = at::randn({3, 4}), labels = at::tensor({2, -1, 0}, at::kLong);
  const at::Tensor log_probs = scores.log_softmax(1);
  CHECK(known_nll_loss(log_probs, labels).item<float>() ==
        doctest::Approx(-(log_probs[0][2] + log_probs[2][0]).item<float>() / 2));
  CHECK(known_nll_loss(log_probs, at::full({3}, -1, at::kLong)).item<float>() == 0);
}

TEST_CASE("a batch without labels can't be trained on") {
  CHECK_THROWS_WITH_AS(label_loss({at::randn({4}), {0, 2, 4}, {0, 1}}, Batch{}),
                       doctest::Contains("no example"), DataError);
}
