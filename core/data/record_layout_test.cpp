#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "data/record_layout.hpp"

using namespace cuecard;

TEST_CASE("all spellings of a value are one value") {
  // pandas.Series([1, None]).to_csv writes 1.0; [True].to_csv True; json.dumps(True) true; Excel TRUE.
  const LabelIndex labels({{"no", {}, {"0", "false"}}, {"yes", {}, {"1", "true"}}, {"minus", {}, {"-1"}}});
  for (const char* one : {"1", "1.0", " 1.00 ",
                          "\xC2\xA0"
                          "1\xC2\xA0",
                          "True", "TRUE", "true"})
    CHECK(labels.find(one) == 1);
  CHECK(labels.find("0.0") == 0);
  CHECK(labels.find("False") == 0);
  CHECK(labels.find("-1.0") == 2);
  for (const char* other : {"1.5", "1.", ".0", "10", "0x1", "1.0.0", "1e", "e1", "15e-1", "truely", "", "Yes"})
    CHECK(labels.find(other) == -1);
  // Python: int("+1") == int("01") == float("1e0") == float("1E+0") == 1, and -0.0 == 0.
  for (const char* one : {"+1", "01", "1e0", "1E+0", "1.0e+00", "+1.0"})
    CHECK(labels.find(one) == 1);
  for (const char* zero : {"-0", "-0.0", "00"})
    CHECK(labels.find(zero) == 0);
  CHECK(labels.find("-01") == 2);
  const LabelIndex codes({{"first", {}, {"01"}}, {"second", {}, {"1"}}});
  CHECK(codes.find("01") == 0);
  CHECK(codes.find("1") == 1);
  CHECK(LabelIndex(std::vector<TaskLabel>{{"first", {}, {"01"}}}).find("1") == -1);
  CHECK(LabelIndex({{"x", {}, {"2.0"}}}).find("2") == 0);
  CHECK(LabelIndex({{"1.10", {}, {}}, {"1.1", {}, {}}}).find("1.1") == 1);
  CHECK_THROWS_AS(LabelIndex({{"a", {}, {"1"}}, {"b", {}, {"1.0"}}}), UsageError);
}
