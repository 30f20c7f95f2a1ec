// The cases that OpenPrompt's recordings in tests/verbalizers don't cover.
#include "word_file.hpp"

#include <cuecard/error.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::knowledgeable;

namespace {

using Words = std::vector<std::vector<std::string>>;

std::string refusal(const std::string& text, const std::string& path, int64_t choice = 0) {
  try {
    read_word_file(text, path, {"neg", "pos"}, choice);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("lines: Windows line ends, no final line end, surrounding blanks") {
  CHECK(read_word_file("bad,awful\r\n  good \r\n\r\n\r\nx\r\ny", "w.csv", {"neg", "pos"}, 0) ==
        Words{{"bad", "awful"}, {"good"}});
  CHECK(read_word_file("bad\ngood\n \n\nx\ny", "w.txt", {"neg", "pos"}, 1) == Words{{"x"}, {"y"}});
}

TEST_CASE("JSON: escapes, characters beyond ASCII, blanks, lists") {
  CHECK(read_word_file(R"( { "pos" : [ "sch\u00f6n", "\ud83d\ude00", "a\"b\\" ] , "neg":["bad","\u20ac"]} )",
                       "w.json", {"neg", "pos"},
                       0) == Words{{"bad", "\xe2\x82\xac"}, {"sch\xc3\xb6n", "\xf0\x9f\x98\x80", "a\"b\\"}});
  CHECK(read_word_file(R"([{"neg":[],"pos":[]},{"neg":["b"],"pos":["g"]}])", "w.json", {"neg", "pos"}, 1) ==
        Words{{"b"}, {"g"}});
}

TEST_CASE("errors name file and line") {
  CHECK(refusal("{\"neg\": [\"bad\"],\n \"pos\": [good]}", "w.json") ==
        "w.json, line 2: expected a string in double quotes");
  for (const char* broken :
       {"", "{", "[", "{\"neg\"", "{\"neg\":", "{\"neg\":[", "{\"neg\":[\"", "{\"neg\":[\"a\"",
        "{\"neg\":[\"\\", "{\"neg\":[\"\\u12", "{\"neg\":[\"\\ud83d\"]}", "{\"neg\":[\"\\ud83dx\\u0041\"]}",
        "{\"neg\":[\"\\x\"]}", "{\"neg\":[1]}", "{\"neg\":\"a\"}", "{\"neg\":[\"a\"],}", "[1]", "7",
        "{\"neg\":[\"a\nb\"]}"}) {
    CAPTURE(broken);
    CHECK(refusal(broken, "w.json").find("expected") != std::string::npos);
  }
  CHECK(refusal("{\"neg\":[\"a\"],\"poss\":[\"b\"]}", "w.json").find("no words for the label \"pos\"") !=
        std::string::npos);
  CHECK(refusal("{\"neg\":[\"a\"],\"pos\":[\"b\"],\"poss\":[]}", "w.json").find("Did you mean \"pos\"?") !=
        std::string::npos);
  CHECK(refusal("a\nb\nc", "w.txt").find("3 lines") != std::string::npos);
  CHECK(refusal("", "w.txt").find("the file has 0") != std::string::npos);
  CHECK(refusal("a\nb", "words").find("must end in .txt, .csv, .json or .jsonl") != std::string::npos);
}
