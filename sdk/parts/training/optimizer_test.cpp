#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/optimizer.hpp>

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

at::Tensor parameter(double value) {
  return at::full({1}, value, at::kDouble).set_requires_grad(true);
}
void give(const at::Tensor& tensor, double gradient) {
  tensor.mutable_grad() = at::full({1}, gradient, at::kDouble);
}

} // namespace

TEST_CASE("AdamW's first two steps by hand") {
  const at::Tensor p = parameter(2.0);
  const auto optimizer = make_optimizer("adamw", {{{p}, 1.0, 0.1}});
  double expected = 2.0, m = 0, v = 0;
  const double gradients[] = {0.5, -3.0};
  for (int t = 1; t <= 2; ++t) {
    const double g = gradients[t - 1], rate = 0.01;
    give(p, g);
    optimizer->step(rate);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    expected -= rate * 0.1 * expected;
    expected -= rate * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    CHECK(p.item<double>() == doctest::Approx(expected).epsilon(1e-14));
  }
}

TEST_CASE("Adafactor's first step has the size of the learning rate") {
  const at::Tensor p = parameter(0.0);
  const auto optimizer = make_optimizer("adafactor", {{{p}, 1.0, 0.0}});
  give(p, 123.0);
  optimizer->step(0.3);
  CHECK(p.item<double>() == doctest::Approx(-0.3));
}

TEST_CASE("a restored optimizer continues as if it had not stopped") {
  for (const char* name : {"adamw", "adafactor"}) {
    const at::Tensor a = parameter(1.0), b = parameter(1.0);
    const auto whole = make_optimizer(name, {{{a}, 1.0, 0.0}}), first = make_optimizer(name, {{{b}, 1.0, 0.0}});
    for (const double g : {1.0, -2.0}) {
      give(a, g);
      give(b, g);
      whole->step(0.1);
      first->step(0.1);
    }
    const auto second = make_optimizer(name, {{{b}, 1.0, 0.0}});
    second->restore(first->state());
    give(a, 0.7);
    give(b, 0.7);
    whole->step(0.1);
    second->step(0.1);
    CHECK(a.item<double>() == b.item<double>());
    CHECK_THROWS_AS(second->restore({}), DataError);
  }
}

TEST_CASE("schedules") {
  CHECK(schedule_factor({"linear", 10}, 0) == 1.0);
  CHECK(schedule_factor({"linear", 10}, 5) == doctest::Approx(0.5));
  CHECK(schedule_factor({"constant", 10}, 9) == 1.0);
  CHECK(schedule_factor({"cosine", 10}, 5) == doctest::Approx(0.5));
  CHECK(schedule_factor({"linear", 10, 0.4}, 0) == doctest::Approx(0.2));
  CHECK(schedule_factor({"linear", 10, 0.4}, 4) == 1.0);
  CHECK(schedule_factor({"exponential", 10, 0, 4, 0.5}, 3) == 1.0);
  CHECK(schedule_factor({"exponential", 10, 0, 4, 0.5}, 9) == 0.25);
  CHECK_THROWS_WITH_AS(schedule_factor({"liner", 2}, 1), doctest::Contains("Did you mean \"linear\"?"),
                       UsageError);
  CHECK_THROWS_AS(make_optimizer("sgd", {}), UsageError);
}

TEST_CASE("clipping scales all gradients down to the given norm, and never up") {
  const at::Tensor a = parameter(0), b = parameter(0);
  give(a, 3.0);
  give(b, 4.0);
  clip_gradients({{{a}}, {{b}}}, 1.0);
  CHECK(a.grad().item<double>() == doctest::Approx(0.6).epsilon(1e-5));
  CHECK(b.grad().item<double>() == doctest::Approx(0.8).epsilon(1e-5));
  clip_gradients({{{a}}, {{b}}}, 100.0);
  CHECK(a.grad().item<double>() == doctest::Approx(0.6).epsilon(1e-5));
}

TEST_CASE("random numbers are seeded, in range, and of the right spread") {
  CHECK(Random(1).bits() == Random(1).bits());
  CHECK(Random(1).bits() != Random(2).bits());
  CHECK(Random(1, 1).bits() != Random(1, 2).bits());
  Random random(5);
  int counts[3] = {};
  double sum = 0, squares = 0;
  for (int i = 0; i < 30000; ++i) {
    ++counts[random.below(3)];
    const double x = random.normal();
    sum += x;
    squares += x * x;
  }
  for (const int count : counts)
    CHECK(std::abs(count - 10000) < 400);
  CHECK(std::abs(sum / 30000) < 0.03);
  CHECK(squares / 30000 == doctest::Approx(1.0).epsilon(0.05));
  std::vector<int64_t> order = random.permutation(100);
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 100; ++i)
    CHECK(order[i] == i);
}
