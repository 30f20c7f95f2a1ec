// Expectations are those of Python's re.fullmatch, and of re.match(rf"(.*\.)?({key})$", name) in the second case.
#include "peft/name_pattern.hpp"

#include <string>

#include <cuecard/error.hpp>
#include <doctest/doctest.h>

using namespace cuecard::peft;

namespace {

bool matches(std::string_view pattern, std::string_view name) {
  const auto parsed = NamePattern::parse(pattern);
  REQUIRE(parsed);
  return parsed->matches(name);
}

} // namespace

TEST_CASE("patterns match whole names as in Python") {
  CHECK(matches("q_proj", "q_proj"));
  CHECK(!matches("q_proj", "x.q_proj"));
  CHECK(matches(R"(.*\.layers\.\d+\.(q|v)_proj)", "model.layers.12.v_proj"));
  CHECK(!matches(R"(.*\.layers\.\d+\.(q|v)_proj)", "model.layers.x.v_proj"));
  CHECK(!matches(R"(.*\.layers\.\d+\.(q|v)_proj)", "model.layers.12.k_proj"));
  CHECK(matches("(?:.*?(?:self_attn|mlp).*?(?:q_proj|up_proj).*?)", "model.layers.0.mlp.up_proj"));
  CHECK(!matches("(?:.*?(?:self_attn|mlp).*?(?:q_proj|up_proj).*?)", "model.layers.0.up_proj"));
  CHECK(matches("layers.[0-3].x", "layers.2.x"));
  CHECK(!matches("layers.[0-3].x", "layers.4.x"));
  CHECK(matches(R"([^.]+\.[\w-]+)", "ab.c-d"));
  CHECK(!matches(R"([^.]+\.[\w-]+)", "a.b.c"));
  CHECK(matches("^ab?c$", "ac"));
  CHECK(matches("^ab?c$", "abc"));
  CHECK(!matches("^ab?c$", "abbc"));
  CHECK(!matches("a^b", "ab"));
  CHECK(matches("a(|b)", "a"));
  CHECK(matches("", ""));
  CHECK(!matches("", "a"));
  CHECK(matches("(a*)*b", std::string(200, 'a') + "b"));
  CHECK(matches("(?P<side>q|v)_proj{1}", "v_proj"));
  CHECK(matches(R"((?!.*\.k_proj).*_proj\b)", "x.q_proj"));
  CHECK(!matches(R"((?!.*\.k_proj).*_proj\b)", "x.k_proj"));
  CHECK_THROWS_AS(matches("(a|aa)+(b|bb)*(a|aa)+c", std::string(200, 'a')), cuecard::DataError);
}

TEST_CASE("a key of a pattern matches the end of a module's name after a dot") {
  const std::string module = "model.layers.1.self_attn.q_proj";
  for (const char* key :
       {"q_proj", "layers.1.self_attn.q_proj", "layers.*.self_attn.q_proj", R"(layers\.1\.self_attn\.q_proj)",
        "model.layers.1.self_attn.q_proj", "^model.layers.1.self_attn.q_proj", "(q|v)_proj", ".*"}) {
    CAPTURE(key);
    CHECK(matches_pattern_key(key, module));
  }
  for (const char* key :
       {"proj", "layers.0.self_attn.q_proj", "^q_proj", "layers.*.mlp.q_proj", "self_attn", ""}) {
    CAPTURE(key);
    CHECK(!matches_pattern_key(key, module));
  }
  CHECK(matches_pattern_key("a.c", "x.abc")); // a dot is any character
}

TEST_CASE("what is no regular expression is not parsed") {
  for (const char* pattern : {"*q", "(q", "q)", "[q", "[z-a]", R"(q\)", "(?P<x", "q{2"}) {
    CAPTURE(pattern);
    CHECK(!NamePattern::parse(pattern));
  }
  CHECK(!NamePattern::parse(std::string(1025, 'q')));
}
