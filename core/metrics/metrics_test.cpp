#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

#include "metrics/calibration.hpp"
#include "metrics/metrics.hpp"

using namespace cuecard;

TEST_CASE("accuracy ignores unknown gold labels") {
  const Accuracy result = accuracy({0, 1, 1, 0}, {0, 1, 0, -1});
  CHECK(result.correct == 2);
  CHECK(result.total == 3);
  CHECK(result.value() == doctest::Approx(2.0 / 3));
  CHECK(accuracy({}, {}).value() == 0);
  CHECK_THROWS_AS(accuracy({1}, {}), std::logic_error);
}

TEST_CASE("Wilson intervals are the roots of (p - x)^2 = z^2 x (1 - x) / n") {
  // Expected values: the roots computed in 40-digit decimal arithmetic.
  const auto check = [](int64_t correct, int64_t total, double low, double high) {
    const Interval found = wilson95(correct, total);
    CHECK(std::abs(found.low - low) < 1e-12);
    CHECK(std::abs(found.high - high) < 1e-12);
  };
  check(479, 600, 0.76437582130375071, 0.82849503042474120);
  check(0, 10, 0.0, 0.27753279986288925);
  check(10, 10, 0.72246720013711075, 1.0);
  check(1, 3, 0.06149194472039624, 0.79234039919795235);
  check(0, 0, 0, 1);
  for (int64_t total = 1; total < 200; ++total) { // exact bounds, despite rounding
    CHECK(wilson95(0, total).low == 0);
    CHECK(wilson95(total, total).high == 1);
    CHECK(wilson95(0, total).high > 0);
    CHECK(wilson95(total, total).low < 1);
  }
}

TEST_CASE("McNemar's exact test") {
  // Expected values computed from binomial coefficients in rational arithmetic.
  CHECK(mcnemar_exact(3, 15) == doctest::Approx(0.007537841796875).epsilon(1e-10));
  CHECK(mcnemar_exact(15, 3) == doctest::Approx(0.007537841796875).epsilon(1e-10));
  CHECK(mcnemar_exact(0, 6) == doctest::Approx(0.03125).epsilon(1e-10));
  CHECK(mcnemar_exact(40, 71) == doctest::Approx(0.004195534185394854).epsilon(1e-10));
  CHECK(mcnemar_exact(300, 360) == doctest::Approx(0.02157234823197102).epsilon(1e-10));
  CHECK(mcnemar_exact(10, 10) == 1);
  CHECK(mcnemar_exact(0, 0) == 1);
  const PairedComparison pair = compare({1, 0, 1, 1, 0}, {1, 1, 0, 0, 0}, {1, 1, 1, 1, -1});
  CHECK(pair.only_first == 2);
  CHECK(pair.only_second == 1);
  CHECK(pair.p_value == 1);
}

TEST_CASE("the confusion matrix is indexed by gold, then predicted label") {
  const auto counts = confusion({0, 1, 1, 2, -1}, {0, 0, 1, -1, 1}, 3);
  CHECK(counts == std::vector<std::vector<int64_t>>{{1, 1, 0}, {0, 1, 0}, {0, 0, 0}});
}

TEST_CASE("mean and sample standard deviation") {
  const MeanStd result = mean_std({0.78, 0.82, 0.83});
  CHECK(result.mean == doctest::Approx(0.81));
  CHECK(result.std == doctest::Approx(std::sqrt((0.0009 + 0.0001 + 0.0004) / 2)));
  CHECK(mean_std({0.5}).std == 0);
  CHECK(mean_std({}).mean == 0);
}

TEST_CASE("calibration by hand: two bins, and the mean distance of accuracy and confidence") {
  const Calibration found = calibration({{0.92, true}, {0.98, false}, {1.0, true}, {0.55, true}});
  REQUIRE(found.bins.size() == 2);
  CHECK(found.bins[0].low == doctest::Approx(0.5));
  CHECK(found.bins[0].high == doctest::Approx(0.6));
  CHECK(found.bins[0].n == 1);
  CHECK(found.bins[0].accuracy == 1);
  CHECK(found.bins[1].n == 3); // 1 belongs to the last bin
  CHECK(found.bins[1].confidence == doctest::Approx(2.9 / 3));
  CHECK(found.bins[1].accuracy == doctest::Approx(2.0 / 3));
  CHECK(found.error == doctest::Approx((0.45 + 3 * (2.9 / 3 - 2.0 / 3)) / 4));
  CHECK(calibration({}).bins.empty());
}
