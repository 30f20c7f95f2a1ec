#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

#include <cuecard/error.hpp>

#include "data/sampling/split.hpp"

using cuecard::Example;

namespace {

std::vector<Example> texts(const std::vector<std::string>& values) {
  std::vector<Example> examples;
  for (const std::string& value : values)
    examples.emplace_back().fields["text"] = value;
  return examples;
}

} // namespace

TEST_CASE("parts are disjoint, have the requested sizes, and depend only on the seed") {
  std::vector<std::string> values;
  for (int i = 0; i < 1000; ++i)
    values.push_back("sentence " + std::to_string(i));
  const auto examples = texts(values);
  const auto parts = cuecard::split(examples, {0.7, 0.2, 0.1}, 5);
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].size() == 700);
  CHECK(parts[1].size() == 200);
  CHECK(parts[2].size() == 100);
  std::set<std::size_t> all;
  for (const auto& part : parts)
    all.insert(part.begin(), part.end());
  CHECK(all.size() == 1000);
  CHECK(cuecard::split(examples, {0.7, 0.2, 0.1}, 5) == parts);
  CHECK(cuecard::split(examples, {0.7, 0.2, 0.1}, 6) != parts);
}

TEST_CASE("examples with equal text up to whitespace and case stay together") {
  std::vector<std::string> values;
  for (int i = 0; i < 60; ++i)
    for (const char* form : {"A good film ", " a  GOOD film ", "a good\tfilm "})
      values.push_back(form + std::to_string(i));
  const auto parts = cuecard::split(texts(values), {0.5, 0.5}, 1);
  std::map<std::size_t, std::size_t> part_of_text;
  for (std::size_t part = 0; part < 2; ++part)
    for (const std::size_t index : parts[part])
      CHECK(part_of_text.emplace(index / 3, part).first->second == part);
  CHECK(parts[0].size() + parts[1].size() == values.size());
}

TEST_CASE("fields are compared separately, not as one concatenated text") {
  std::vector<Example> examples(2);
  examples[0].fields = {{"a", "x"}, {"b", "yz"}};
  examples[1].fields = {{"a", "xy"}, {"b", "z"}};
  const auto parts = cuecard::split(examples, {0.5, 0.5}, 0);
  CHECK(parts[0].size() == 1);
  CHECK(parts[1].size() == 1);
}

TEST_CASE("split fractions out of range are rejected") {
  const auto examples = texts({"a", "b"});
  CHECK_THROWS_AS(cuecard::split(examples, {0.7, 0.4}, 0), cuecard::UsageError);
  CHECK_THROWS_AS(cuecard::split(examples, {0.0}, 0), cuecard::UsageError);
}
