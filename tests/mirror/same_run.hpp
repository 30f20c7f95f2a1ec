/// One training run on the CPU and on the mirror device, watched there: the same numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <optional>

#include <ATen/ATen.h>

#include "training_run.hpp"
#include <cuecard/testing/mirror_device.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

namespace cuecard::test {

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kCPU) - b.to(at::kCPU)).abs().max().item<double>();
}

inline Outcome watched_run(const Model& model, const RunSetting& setting, bool reads = false) {
  std::optional<mirror::Watch> watch;
  int64_t begun = 0;
  const auto set_watch = [&](bool on) {
    begun += on;
    on ? (void)watch.emplace() : watch.reset();
  };
  const Outcome outcome = run(model, setting, set_watch, reads);
  CHECK(begun == 1);
  return outcome;
}

template <class T>
double largest_difference(const std::vector<T>& a, const std::vector<T>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, static_cast<double>(std::abs(a[i] - b[i])));
  return largest;
}

/// Trained tensors are compared in float64 only, because Adam divides by the size of a gradient: where that is
/// near zero, float32's last digit decides the sign of a whole step. In float32 losses and probabilities are
/// compared.
inline void check_same(const std::string& name, const RunSetting& setting,
                       std::initializer_list<at::ScalarType> dtypes = {at::kDouble, at::kFloat}) {
  for (const at::ScalarType dtype : dtypes) {
    CAPTURE(name);
    CAPTURE(at::toString(dtype));
    const double tolerance = dtype == at::kDouble ? 1e-6 : 1e-3;
    const Outcome here = run(model_on(name, at::kCPU, dtype), setting);
    const Outcome there = watched_run(model_on(name, mirror::device, dtype), setting);
    REQUIRE(here.losses.size() == static_cast<std::size_t>(steps));
    CHECK(largest_difference(here.losses, there.losses) < tolerance);
    CHECK(here.moved > setting.learning_rate / 2); // an optimizer's first step is as large as the rate
    if (dtype == at::kDouble)
      CHECK(largest_difference(here.trained, there.trained) < tolerance);
    REQUIRE(here.probabilities.size() == 2 * training_set().size());
    CHECK(largest_difference(here.probabilities, there.probabilities) < tolerance);
  }
}

} // namespace cuecard::test
