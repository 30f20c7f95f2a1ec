#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "host/output/table.hpp"
#include "program/one_line.hpp"

using namespace cuecard::host;

TEST_CASE("columns are as wide as their longest cell in characters") {
  CHECK(table({"card", "n"}, {{"a", "1"}, {"\xC3\xA9t\xC3\xA9.card", "1,000"}}) ==
        "card          n\n"
        "---------------\n"
        "a             1\n"
        "\xC3\xA9t\xC3\xA9.card  1,000\n");
}

TEST_CASE("line breaks and control characters in cells are removed") {
  // Escape sequences begin with U+001B, or with U+009B alone.
  CHECK(table({"card", "n"}, {{"a\x1b[2J\tb", "\xC2\x9B"
                                              "2J\n"}}) == "card        n\n"
                                                           "-------------\n"
                                                           "a [2J b   2J\n");
}

TEST_CASE("invalid UTF-8 is replaced") {
  CHECK(one_line("a\xff\x1b"
                 "b") == "a\xEF\xBF\xBD b");
  CHECK(one_line("\xc2") == "\xEF\xBF\xBD");
}

TEST_CASE("number formats") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(-1234567) == "-1,234,567");
  CHECK(percent(0.8333) == "83.3%");
  CHECK(rounded(1.005, 1) == "1.0");
}

TEST_CASE("a p-value is never rounded to 0") {
  CHECK(p_value(0.5) == "p = 0.5000");
  CHECK(p_value(0.00123) == "p = 0.0012");
  CHECK(p_value(0.0000312) == "p = 3.1e-05");
  CHECK(p_value(0) == "p < 1e-300");
}
