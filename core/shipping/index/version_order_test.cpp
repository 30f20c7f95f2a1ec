/// The order of Semantic Versioning 2.0.0, section 11, and that of numbers.
#include <doctest/doctest.h>

#include "shipping/index/version_order.hpp"

using cuecard::shipping::compare_versions;

TEST_CASE("the example of the specification, in order") {
  const char* const versions[] = {"1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
                                  "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",       "1.0.0",
                                  "1.0.1",        "1.9.0",         "1.10.0",           "2.0.0",
                                  "2.1.0",        "2.1.1"};
  const int count = static_cast<int>(std::size(versions));
  for (int i = 0; i < count; ++i)
    for (int j = 0; j < count; ++j) {
      CAPTURE(versions[i]);
      CAPTURE(versions[j]);
      const int order = compare_versions(versions[i], versions[j]);
      CHECK((order > 0) - (order < 0) == (i > j) - (i < j));
    }
}

TEST_CASE("build metadata, missing and very long numbers") {
  CHECK(compare_versions("1.0.0+one", "1.0.0+two") == 0);
  CHECK(compare_versions("1", "1.0.0") == 0);
  CHECK(compare_versions("1.1", "1.0.9") > 0);
  CHECK(compare_versions("1.007", "1.7") == 0);
  CHECK(compare_versions("99999999999999999999999999.0", "100000000000000000000000000.0") < 0);
  CHECK(compare_versions("", "0") == 0);
  CHECK(compare_versions("1.x", "1.9") > 0);
}
