#include "gaps.hpp"

#include <cuecard/error.hpp>

#include <doctest/doctest.h>

using namespace cuecard;

TEST_CASE("texts replace trigger items, and nothing else changes") {
  const Gaps gaps("{text} {\"trigger\": None, \"duplicate\": 3} {\"mask\"}{trigger} {\"placeholder\": \"b\"}");
  CHECK(gaps.count() == 2);
  CHECK(gaps.count_before_answer() == 1);
  CHECK(gaps.filled({"It was", "."}) == "{text} It was {\"mask\"}. {\"placeholder\": \"b\"}");
  CHECK(gaps.filled({"", ""}) == "{text}  {\"mask\"} {\"placeholder\": \"b\"}");
  const Gaps open("{trigger} {text}"); // with an implied answer slot at the end
  CHECK(open.count_before_answer() == 1);
  CHECK_THROWS_WITH_AS(Gaps("{text} is{\"mask\"}"), doctest::Contains("{\"trigger\"}"), UsageError);
}

TEST_CASE("text with a special meaning in templates is not plain") {
  for (const char* text : {"It was", "", "a, b; (c) \"d\" 'e'", "\xc3\xa9t\xc3\xa9"})
    CHECK(is_plain(text));
  for (const char* text : {"{text}", "<mask>", "[SEP]", "a\nb", "<|im_end|>"})
    CHECK_FALSE(is_plain(text));
}
