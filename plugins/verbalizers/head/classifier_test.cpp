// The layer against its definition, and the properties of its dropout.
#include "classifier.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "test_parts.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::head;

TEST_CASE("initial weights are small and depend on the seed, initial biases are zero") {
  Classifier first(classifier_options()), again(classifier_options()), other(classifier_options());
  first.prepare(4, 500, 1, at::kCPU);
  again.prepare(4, 500, 1, at::kCPU);
  other.prepare(4, 500, 2, at::kCPU);
  const at::Tensor weight = first.state().tensors.at("weight");
  CHECK(weight.std().item<double>() == doctest::Approx(0.02).epsilon(0.1));
  CHECK(at::equal(weight, again.state().tensors.at("weight")));
  CHECK(!at::equal(weight, other.state().tensors.at("weight")));
  CHECK(first.state().tensors.at("bias").abs().sum().item<double>() == 0);
  CHECK(first.parameters().at(0).learning_rate_scale == 2);
}

TEST_CASE("scores are x W^T + b in the states' precision, and at least float32") {
  Classifier classifier(classifier_options());
  classifier.prepare(3, 5, 1, at::kCPU);
  const at::Tensor weight = at::randn({3, 5}), bias = at::randn({3}), states = at::randn({4, 5});
  classifier.load_state({{{"weight", weight}, {"bias", bias}}, {}});
  CHECK(at::allclose(classifier(states, {}), states.matmul(weight.t()) + bias));
  CHECK((classifier(states.to(at::kDouble), {}).scalar_type() == at::kDouble));
  CHECK((classifier(states.to(at::kBFloat16), {}).scalar_type() == at::kFloat));
}

TEST_CASE("a dense layer with tanh comes first, and the bias is optional") {
  Classifier classifier(classifier_options(), {true, false});
  classifier.prepare(3, 5, 1, at::kCPU);
  const ComponentState drawn = classifier.state();
  CHECK(drawn.tensors.size() == 3);
  CHECK(!at::equal(drawn.tensors.at("weight"), drawn.tensors.at("dense.weight").slice(0, 0, 3)));
  CHECK(classifier.parameters().at(0).tensors.size() == 3);
  const at::Tensor weight = at::randn({3, 5}), dense = at::randn({5, 5}), bias = at::randn({5}),
                   states = at::randn({4, 5});
  classifier.load_state({{{"weight", weight}, {"dense.weight", dense}, {"dense.bias", bias}}, {}});
  CHECK(at::allclose(classifier(states, {}), (states.matmul(dense.t()) + bias).tanh().matmul(weight.t())));
  CHECK_THROWS_WITH_AS(classifier.load_state({{{"weight", weight}, {"dense.weight", dense}}, {}}),
                       doctest::Contains("no tensor \"dense.bias\""), DataError);
}

TEST_CASE("the dense layer's activation function is a choice") {
  const at::Tensor weight = at::randn({3, 5}), dense = at::randn({5, 5}), bias = at::randn({5}),
                   states = at::randn({4, 5}), inner = states.matmul(dense.t()) + bias;
  const auto scores = [&](Activation activation) {
    Classifier classifier(classifier_options(), {true, false, activation});
    classifier.prepare(3, 5, 1, at::kCPU);
    classifier.load_state({{{"weight", weight}, {"dense.weight", dense}, {"dense.bias", bias}}, {}});
    return classifier(states, {}).detach();
  };
  const at::Tensor gelu =
      inner * 0.5 * (1 + at::erf(inner / std::sqrt(2.0))); // Hendrycks and Gimpel 2016, section 2
  CHECK(at::allclose(scores(Activation::gelu), gelu.matmul(weight.t()), 1e-5, 1e-5));
  CHECK(at::allclose(scores(Activation::relu), inner.clamp_min(0).matmul(weight.t()), 1e-5, 1e-5));
}

TEST_CASE("dropout applies in training passes only, has the right rate and mean, and depends on the seed") {
  Classifier classifier(classifier_options(0.25));
  classifier.prepare(1, 10000, 1, at::kCPU);
  classifier.load_state({{{"weight", at::ones({1, 10000})}, {"bias", at::zeros({1})}}, {}});
  const at::Tensor states = at::ones({1, 10000}, at::kDouble);
  CHECK(classifier(states, {false, 7}).item<double>() == 10000);
  const double dropped = classifier(states, {true, 7}).item<double>();
  CHECK(dropped != 10000);
  CHECK(dropped == doctest::Approx(10000).epsilon(0.03)); // five standard deviations
  CHECK(classifier(states, {true, 7}).item<double>() == dropped);
  CHECK(classifier(states, {true, 8}).item<double>() != dropped);
  const at::Tensor leaf = at::ones({1, 10000}).set_requires_grad(true);
  classifier(leaf, {true, 7}).sum().backward();
  const at::Tensor zero = leaf.grad().eq(0);
  CHECK(zero.sum().item<int64_t>() / 10000.0 == doctest::Approx(0.25).epsilon(0.1));
  CHECK(at::allclose(leaf.grad().masked_select(zero.logical_not()), at::full({}, 1 / 0.75)));
}

TEST_CASE("a card's tensors must have the right shapes") {
  Classifier classifier(classifier_options());
  classifier.prepare(3, 5, 1, at::kCPU);
  CHECK_THROWS_WITH_AS(classifier.load_state({{{"bias", at::zeros({3})}}, {}}),
                       doctest::Contains("no tensor \"weight\""), DataError);
  CHECK_THROWS_WITH_AS(classifier.load_state({{{"weight", at::zeros({2, 5})}, {"bias", at::zeros({3})}}, {}}),
                       doctest::Contains("\"weight\""), DataError);
}
