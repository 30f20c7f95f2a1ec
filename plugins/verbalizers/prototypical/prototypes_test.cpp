// The loss against its definition, pair by pair; training on planted clusters.
#include "prototypes.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard::prototypical;

namespace {

const std::vector<int64_t> label_of{0, 1, 1, 2, 0, 1}; // unequal numbers

double cosine(const at::Tensor& a, const at::Tensor& b) {
  return (a.dot(b) / (a.norm() * b.norm())).item<double>();
}

double defined_loss(const Prototypes& prototypes, const at::Tensor& states) {
  const at::Tensor v = states.matmul(prototypes.projection.to(at::kDouble).t());
  const at::Tensor q = prototypes.vectors.to(at::kDouble);
  const int64_t n = states.size(0), c = q.size(0);
  double to_prototypes = 0, among = 0;
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t k = 0; k < c; ++k)
      sum += std::exp(cosine(v[i], q[k]));
    to_prototypes -= std::log(std::exp(cosine(v[i], q[label_of[static_cast<std::size_t>(i)]])) / sum);
  }
  for (int64_t a = 0; a < n; ++a)
    for (int64_t b = 0; b < n; ++b) {
      if (label_of[static_cast<std::size_t>(a)] != label_of[static_cast<std::size_t>(b)])
        continue;
      double others = 0;
      for (int64_t x = 0; x < n; ++x)
        if (label_of[static_cast<std::size_t>(x)] != label_of[static_cast<std::size_t>(b)])
          others += std::exp(cosine(v[x], v[b]));
      const double own = std::exp(cosine(v[a], v[b]));
      among -= std::log(own / (own + others));
    }
  return to_prototypes / static_cast<double>(n * c) + among / static_cast<double>(n * n);
}

} // namespace

TEST_CASE("the loss follows the definition, and has a gradient in projection and prototypes") {
  const at::Tensor states = (at::arange(42, at::kDouble) * 1.9).sin().view({6, 7});
  const Prototypes prototypes{(at::arange(28, at::kFloat) * 0.7).cos().view({4, 7}).set_requires_grad(true),
                              (at::arange(12, at::kFloat) * 1.3).sin().view({3, 4}).set_requires_grad(true)};
  const at::Tensor loss = contrastive_loss(prototypes, states, at::tensor(label_of));
  CHECK(loss.item<double>() == doctest::Approx(defined_loss(prototypes, states)).epsilon(1e-9));
  loss.backward();
  for (const at::Tensor& trained : {prototypes.projection, prototypes.vectors}) {
    const at::NoGradGuard no_grad;
    const double slope = trained.grad().view({-1})[5].item<double>(), step = 1e-2;
    const auto moved = [&](double by) {
      trained.view({-1})[5] += by;
      const double value = defined_loss(prototypes, states);
      trained.view({-1})[5] -= by;
      return value;
    };
    CHECK(slope == doctest::Approx((moved(step) - moved(-step)) / (2 * step)).epsilon(1e-3));
  }
}

TEST_CASE("planted clusters are separated, reproducibly for a seed") {
  at::Tensor states = at::empty({30, 16});
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 30; ++i) {
    labels.push_back(i % 3);
    states[i] = (at::arange(16, at::kFloat) * static_cast<float>(i % 3 + 1)).sin() +
                0.5f * (at::arange(16, at::kFloat) * static_cast<float>(7 * i + 3)).cos();
  }
  const PrototypeSettings settings{8, 30, 0.01};
  const Prototypes trained = train_prototypes(states, labels, 3, settings, 5);
  CHECK(trained.projection.sizes() == at::IntArrayRef({8, 16}));
  CHECK(trained.cosines(states).argmax(1).equal(at::tensor(labels)));
  CHECK(trained.cosines(states)[4][2].item<double>() ==
        doctest::Approx(cosine(trained.projection.matmul(states[4]), trained.vectors[2])));
  const Prototypes again = train_prototypes(states, labels, 3, settings, 5);
  CHECK(again.vectors.equal(trained.vectors));
  CHECK(again.projection.equal(trained.projection));
  CHECK(!train_prototypes(states, labels, 3, settings, 6).vectors.equal(trained.vectors));
  const at::Tensor gold = at::tensor(labels);
  const Prototypes start = train_prototypes(states, labels, 3, {8, 1, 1e-9}, 5);
  CHECK(contrastive_loss(trained, states, gold).item<float>() <
        contrastive_loss(start, states, gold).item<float>());
}
