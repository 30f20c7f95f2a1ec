#include <cuecard/parts/training/sized_rate.hpp>

#include <initializer_list>

#include <doctest/doctest.h>

using cuecard::sized_rate;

TEST_CASE("a rate is the usual one up to 1,024, another from 3,072 on, and in between a power of the width") {
  for (const int64_t hidden : {1, 576, 1024})
    CHECK(sized_rate(hidden, 0.02, 0.001) == 0.02);
  for (const int64_t hidden : {3072, 4096, 16384})
    CHECK(sized_rate(hidden, 0.02, 0.001) == doctest::Approx(0.001));
  // 2,048 is twice 1,024, which is log(2) / log(3) of the way.
  CHECK(sized_rate(2048, 0.02, 0.001) == doctest::Approx(0.0030211).epsilon(1e-4));
  CHECK(sized_rate(2048, 0.001, 0.001) == doctest::Approx(0.001));
}
