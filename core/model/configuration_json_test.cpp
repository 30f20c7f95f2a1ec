#include "model/configuration_json.hpp"

#include <doctest/doctest.h>

#include "files/strict_json.hpp"
#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

Configuration parsed(const std::string& json) {
  return parse_configuration(json, "config.json");
}
std::string error_of(const std::string& json) {
  return sentence([&] { parsed(json); });
}

} // namespace

TEST_CASE("configuration: types, nesting, nulls and arrays") {
  const Configuration c =
      parsed(R"({"i": -3, "f": 1.0, "b": true, "t": "x", "n": null, "o": {"p": {"q": 5}, "r": null},
      "ints": [1, 2], "floats": [1, 2.5], "texts": ["a"], "none": [], "mixed": [1, "a"], "deep": [[1]]})");
  CHECK(c.integer("i", -10) == -3);
  CHECK(c.number("f") == 1.0);
  CHECK(std::holds_alternative<double>(c.values().at("f")));
  CHECK(c.boolean("b"));
  CHECK(c.text("t") == "x");
  CHECK(!c.has("n"));
  CHECK(!c.has("o.r"));
  CHECK(c.integer("o.p.q") == 5);
  CHECK(std::get<std::vector<int64_t>>(c.values().at("ints")) == std::vector<int64_t>{1, 2});
  CHECK(std::get<std::vector<double>>(c.values().at("floats")) == std::vector<double>{1, 2.5});
  CHECK(std::get<std::vector<std::string>>(c.values().at("texts")) == std::vector<std::string>{"a"});
  CHECK(std::get<std::vector<int64_t>>(c.values().at("none")).empty());
  CHECK(!c.has("mixed"));
  CHECK(!c.has("deep"));
  CHECK(c.origin() == "config.json");
}

TEST_CASE("configuration: transformers 4 and 5 spellings are both available") {
  const Configuration four = parsed(
      R"({"torch_dtype": "bfloat16", "rope_theta": 500000.0, "rope_scaling": {"type": "linear", "factor": 8.0}})");
  CHECK(four.text("dtype") == "bfloat16");
  CHECK(four.number("rope_parameters.rope_theta") == 500000.0);
  CHECK(four.text("rope_parameters.rope_type") == "linear");
  CHECK(four.text("rope_scaling.rope_type") == "linear");
  CHECK(four.number("rope_parameters.factor") == 8.0);
  const Configuration five = parsed(
      R"({"dtype": "float32", "rope_parameters": {"rope_theta": 500000.0, "rope_type": "llama3", "factor": 8.0}})");
  CHECK(five.text("torch_dtype") == "float32");
  CHECK(five.number("rope_theta") == 500000.0);
  CHECK(five.text("rope_scaling.rope_type") == "llama3");
  CHECK(five.number("rope_scaling.factor") == 8.0);
  const Configuration plain = parsed(R"({"rope_parameters": {"rope_theta": 1e4, "rope_type": "default"}})");
  CHECK(plain.number("rope_theta") == 10000.0);
  CHECK(!plain.has("rope_scaling.rope_type"));
  CHECK(!parsed(R"({"rope_theta": 1e4, "rope_scaling": null})").has("rope_parameters.rope_type"));
}

TEST_CASE("configuration: of two rotary groups the older one counts, and some nulls have a meaning") {
  const Configuration both =
      parsed(R"({"rope_theta": 7.0, "rope_parameters": {"rope_theta": 3.0, "rope_type": "default"},
      "rope_scaling": {"type": "linear", "factor": 2.0}})");
  CHECK(both.text("rope_parameters.rope_type") == "linear");
  CHECK(both.number("rope_parameters.factor") == 2.0);
  CHECK(both.number("rope_parameters.rope_theta") == 7.0);
  CHECK(parsed(R"({"rope_scaling": {"type": "default", "rope_type": "linear", "factor": 2.0}})")
            .text("rope_parameters.rope_type") == "linear");
  CHECK(parsed(R"({"rope_parameters": {"type": "linear", "factor": 2.0}})").text("rope_parameters.rope_type") ==
        "linear");
  CHECK(parsed(R"({"rope_theta": 7.0, "rope_scaling": {"rope_theta": 5.0, "type": "linear", "factor": 2.0}})")
            .number("rope_parameters.rope_theta") == 5.0);
  CHECK(!parsed(R"({"model_type": "gpt_neox", "rope_theta": 333})").has("rope_parameters.rope_theta"));
  CHECK(parsed(R"({"model_type": "llama", "rope_theta": 333})").number("rope_parameters.rope_theta") == 333);
  CHECK(!parsed(R"({"sliding_window": null})").boolean("use_sliding_window"));
  CHECK(!parsed(R"({"sliding_window": 8})").has("use_sliding_window"));
  CHECK(!parsed(R"({"scale_decoder_outputs": null})").boolean("scale_decoder_outputs"));
  CHECK(parsed(R"({"attn_logit_softcapping": null})").number("attn_logit_softcapping") == 0);
}

TEST_CASE("configuration: round trip through text") {
  const Configuration c =
      parsed(R"({"a": 1, "b": {"c": [1.5, 2.0], "d": {"e": "\"ä\n"}}, "f": false, "g": 1e-05})");
  const std::string text = configuration_text(c);
  CHECK((parsed(text).values() == c.values()));
  CHECK(contains(text, "\"g\": 1e-05"));
  CHECK(contains(text, "\n  \"a\": 1"));
  Configuration clash("here");
  clash.set("a", int64_t{1});
  clash.set("a.b", int64_t{1});
  CHECK_THROWS_AS(configuration_text(clash), std::logic_error);
}

TEST_CASE("configuration: invalid files are rejected") {
  CHECK(contains(error_of("[]"), "not a JSON object"));
  CHECK(contains(error_of("{\"a\": 1,\n  \"b\" 2}"), "not valid JSON at line 2, column 7"));
  CHECK(contains(error_of(""), "not valid JSON"));
  CHECK(contains(error_of("{\"a\": 1} x"), "not valid JSON"));
  CHECK(contains(error_of(std::string("{}\0{", 4)), "zero byte"));
  CHECK(contains(error_of("{\n\"a\": \"caf\xe9\"}"),
                 "not valid JSON at line 2, column 10: it is not UTF-8 there; save the file as UTF-8."));
  CHECK(!contains(error_of("{\"a\": caf, \"b\": \"\xe9\"}"), "UTF-8")); // fails before that byte
  CHECK(contains(error_of(R"({"a": 1, "a": 2})"), "\"a\" appears twice"));
  CHECK(contains(error_of(R"({"o": {"a": 1, "a": 2}})"), "\"a\" appears twice"));
  CHECK(error_of(R"({"o": {"a": 1}, "p": {"a": 1}})").empty());
  CHECK(contains(error_of(R"({"a": 18446744073709551615})"), "below 2^63"));
  CHECK(contains(error_of(R"({"a": 1e999})"), "out of range"));
  CHECK(contains(error_of("{\"a\":" + std::string(100'000, '[')), "more than 32 levels deep"));
  CHECK(contains(error_of(std::string((16 << 20) + 1, ' ')), "the limit is 16777216"));
  TestFolder folder;
  CHECK(contains(sentence([&] { read_configuration(folder.path() / "config.json"); }), "no such file"));
  CHECK(contains(sentence([&] { read_configuration(folder.path()); }), "not a regular file"));
}
