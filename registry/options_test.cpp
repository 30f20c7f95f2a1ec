#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "options.hpp"

using namespace cuecard;
using namespace cuecard::registry;

namespace {

ComponentInfo sample() {
  ComponentInfo component;
  component.kind = CUECARD_TUNER;
  component.kind_version = CUECARD_TUNER_VERSION;
  component.name = "sample";
  component.summary = "A tuner for tests.";
  component.trains = CUECARD_TRAINS_TENSORS;
  component.options = {
      {"length",
       CUECARD_INTEGER,
       CUECARD_ROLE_LENGTH,
       "20",
       1,
       1000,
       {},
       "Virtual tokens.",
       "Lester et al. 2021"},
      {"rate", CUECARD_NUMBER, CUECARD_ROLE_NONE, "0.3", 0, std::nullopt, {}, "Learning rate.", ""},
      {"init",
       CUECARD_TEXT,
       CUECARD_ROLE_NONE,
       "vocabulary",
       {},
       {},
       {"vocabulary", "text", "labels"},
       "Start.",
       ""},
      {"text", CUECARD_TEXT, CUECARD_ROLE_NONE, "", {}, {}, {}, "Words.", "", "init=text|labels"},
      {"tied", CUECARD_FLAG, CUECARD_ROLE_NONE, "false", {}, {}, {}, "Ties.", ""},
  };
  return component;
}

std::string refusal(const std::vector<std::pair<std::string, std::string>>& set) {
  try {
    complete(sample(), set);
  } catch (const UsageError& error) {
    CHECK(error.kind() == Error::Kind::usage);
    return error.what();
  }
  FAIL("nothing was rejected");
  return "";
}

} // namespace

TEST_CASE("an option that has no effect with the values of the others is refused") {
  const auto refused = [](const std::vector<std::pair<std::string, std::string>>& set) -> std::string {
    try {
      require_used(sample(), complete(sample(), set));
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(
      refused({{"text", "a film"}}) ==
      "tuner \"sample\": option \"text\" is used only with init=text|labels, and init is \"vocabulary\"; set init=text, or "
      "omit \"text\".");
  CHECK(refused({{"text", "a film"}, {"init", "labels"}}) == "");
  CHECK(refused({{"text", ""}}) == ""); // the default
  CHECK(refused({{"init", "text"}}) == "");
  CHECK(describe(sample()).find("text, with init=text|labels") != std::string::npos);
}

TEST_CASE("options that were not set get their typed defaults") {
  const Options options = complete(sample(), {{"rate", "1e-3"}, {"tied", "yes"}});
  CHECK(options.integer("length") == 20);
  CHECK(options.number("rate") == doctest::Approx(0.001));
  CHECK(options.text("init") == "vocabulary");
  CHECK(options.text("text") == "");
  CHECK(options.flag("tied"));
  CHECK(options.values().size() == 5);
}

TEST_CASE("an unknown option suggests the nearest and lists all") {
  CHECK(refusal({{"lenght", "5"}}) ==
        "tuner \"sample\" has no option \"lenght\". Did you mean \"length\"? Its options: "
        "length, rate, init, text, tied.");
}

TEST_CASE("ranges are inclusive") {
  CHECK(complete(sample(), {{"length", "1"}}).integer("length") == 1);
  CHECK(complete(sample(), {{"length", "1000"}}).integer("length") == 1000);
  CHECK(refusal({{"length", "1001"}}) ==
        "tuner \"sample\": option \"length\" is \"1001\"; expected a whole number from 1 to 1000.");
  CHECK(refusal({{"length", "0"}}).find("from 1 to 1000") != std::string::npos);
  CHECK(refusal({{"rate", "-1"}}).find("a number, at least 0") != std::string::npos);
}

TEST_CASE("trailing characters after a value are rejected") {
  for (const char* text : {"", "5x", "5.0", "five", " 5", "5 ", "0x10", "+-5", "99999999999999999999"})
    CHECK(refusal({{"length", text}}).find("expected a whole number") != std::string::npos);
  for (const char* text : {"", "nan", "inf", "1e999", "1,5", "0.1 "})
    CHECK(refusal({{"rate", text}}).find("expected a number") != std::string::npos);
  CHECK(refusal({{"tied", "maybe"}}).find("true or false") != std::string::npos);
  CHECK(complete(sample(), {{"length", "+5"}}).integer("length") == 5);
}

TEST_CASE("a choice must be in the list") {
  CHECK(complete(sample(), {{"init", "labels"}}).text("init") == "labels");
  CHECK(refusal({{"init", "label"}}).find("one of vocabulary, text, labels. Did you mean \"labels\"?") !=
        std::string::npos);
}

TEST_CASE("an option can't be set twice") {
  CHECK(refusal({{"length", "5"}, {"length", "6"}}).find("set twice") != std::string::npos);
}

TEST_CASE("a component without options rejects all") {
  ComponentInfo bare = sample();
  bare.options.clear();
  CHECK(complete(bare, {}).values().empty());
  CHECK_THROWS_WITH(complete(bare, {{"length", "5"}}),
                    "tuner \"sample\" has no options, so \"length\" can't be set.");
}

TEST_CASE("options survive conversion to text") {
  const Options options = complete(sample(), {{"rate", "0.1"}, {"text", "a b\nc"}, {"tied", "on"}});
  CHECK(complete(sample(), as_text(sample(), options)).values() == options.values());
}

TEST_CASE("an older card's options: missing ones get their default, undeclared ones are rejected") {
  Options older;
  older.set("rate", 0.5);
  const Options now = complete(sample(), as_text(sample(), older));
  CHECK(now.number("rate") == 0.5);
  CHECK(now.integer("length") == complete(sample(), {}).integer("length"));
  older.set("lenght", int64_t{5});
  CHECK(refusal(as_text(sample(), older)).find("no option \"lenght\". Did you mean \"length\"?") !=
        std::string::npos);
}

TEST_CASE("the description names every option with its default, range and source") {
  const std::string text = describe(sample());
  for (const char* part : {"tuner sample: A tuner for tests.", "trains: tensors", "--set length=20",
                           "a whole number from 1 to 1000 (Lester et al. 2021)",
                           "one of vocabulary, text, labels", "true or false"})
    CHECK(text.find(part) != std::string::npos);
}
