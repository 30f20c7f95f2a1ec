// Expected values follow the grammar in template_grammar.hpp and Python's rules for text; the lambdas are those
// of OpenPrompt's shipped templates.
#include <cuecard/parts/template/template_grammar.hpp>

#include <random>

#include <cuecard/error.hpp>

#include <doctest/doctest.h>

using namespace cuecard;
using Kind = TemplateItem::Kind;

namespace {

std::string refusal(std::string_view text) {
  try {
    parse_template(text);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

bool refused(std::string_view text, std::string_view place, std::string_view reason) {
  const std::string message = refusal(text);
  CAPTURE(message);
  const bool fits = message.rfind("template " + std::string(place) + ":", 0) == 0 &&
                    message.find(reason) != std::string::npos;
  CHECK(fits);
  return fits;
}

TemplateItem only(std::string_view text) {
  const ParsedTemplate parsed = parse_template(std::string(text) + "{\"mask\"}");
  REQUIRE(parsed.items.size() == 2);
  return parsed.items[0];
}

} // namespace

TEST_CASE("literals and items alternate, spaces become prefixes") {
  const ParsedTemplate parsed = parse_template("   A   {\"mask\"}   news   ");
  REQUIRE(parsed.items.size() == 3);
  CHECK(parsed.items[0].text == "A");
  CHECK(parsed.items[0].prefix == " ");
  CHECK(parsed.items[1].kind == Kind::answer);
  CHECK(parsed.items[1].prefix == " ");
  CHECK(parsed.items[2].text == "news");
  CHECK(parsed.items[2].prefix == " ");
  CHECK(parsed.items[1].column == 8);
}

TEST_CASE("tab and line feed are text, spaces inside a literal stay") {
  const ParsedTemplate parsed = parse_template("a  b\t{\"mask\"}\nc }");
  REQUIRE(parsed.items.size() == 3);
  CHECK(parsed.items[0].text == "a  b\t");
  CHECK(parsed.items[1].prefix == "");
  CHECK(parsed.items[2].text == "\nc }");
  CHECK(parsed.items[2].prefix == "");
}

TEST_CASE("a set of keys, single quotes and None are equivalent") {
  for (const char* text :
       {"{\"placeholder\":\"text_a\"}", "{'placeholder': 'text_a'}", "{ \"placeholder\" :\n'text_a' , }"}) {
    const TemplateItem item = only(text);
    CHECK(item.kind == Kind::field);
    CHECK(item.text == "text_a");
    CHECK(item.shortenable);
  }
  CHECK(only("{'mask': None}").kind == Kind::answer);
  CHECK(only("{\"mask\",}").kind == Kind::answer);
}

TEST_CASE("text has Python's escapes, and braces in it are text") {
  CHECK(only(R"({"text": "}"})").text == "}");
  CHECK(only(R"({"text": 'a{b}c'})").text == "a{b}c");
  CHECK(only(R"({"text": "\n\t\\\"\'\x41\u00e9\U0001F600\101\q"})").text == "\n\t\\\"'A\u00e9\U0001F600A\\q");
}

TEST_CASE("the first known kind wins, and modifiers apply") {
  const TemplateItem item = only("{\"text\": \"x\", \"placeholder\": \"text_a\", \"shortenable\": False}");
  CHECK(item.kind == Kind::field);
  CHECK_FALSE(item.shortenable);
  CHECK(only("{\"text\":\"x\",\"shortenable\":True}").shortenable);
  CHECK(only("{\"text\":\"x\",\"shortenable\":\"True\"}").shortenable);
  CHECK_FALSE(only("{\"meta\":\"x\"}").shortenable);
  CHECK(only("{\"choice\":\"x\"}").kind == Kind::choice);
  CHECK(only("{\"choice\":\"x\"}").text == "x");
  CHECK_FALSE(only("{\"choice\":\"x\"}").shortenable);
  CHECK(only("{\"choice\":\"x\",\"shortenable\":True}").shortenable);
  CHECK(only("{\"choice\":\"x\",\"post_processing\":\"upper-case\"}").filter == TextFilter::upper_case);
  CHECK(only(" {\"text\":\"x\",\"add_prefix_space\":\"\"}").prefix == "");
  CHECK(only("{\"text\":\"x\",\"add_prefix_space\":\" \"}").prefix == " ");
}

TEST_CASE("markers are special tokens, other special text is text") {
  CHECK(only("{\"special\":\"<sep>\"}").kind == Kind::special);
  CHECK(only("{\"special\":\"<sep>\"}").text == "sep");
  CHECK(only("<cls>").kind == Kind::special);
  CHECK(only("a <cls>").kind == Kind::text);
  CHECK(only(" {\"special\":\"<|im_end|>\"}").kind == Kind::text);
  CHECK(only(" {\"special\":\"<|im_end|>\"}").prefix == "");
}

TEST_CASE("soft items") {
  CHECK(only("{\"soft\"}").kind == Kind::soft);
  CHECK_FALSE(only("{\"soft\":None,\"duplicate\":3,\"same\":True}").has_words);
  CHECK(only("{\"soft\":None,\"duplicate\":3,\"same\":True}").duplicate == 3);
  CHECK(only("{\"soft\":None,\"duplicate\":3,\"same\":True}").same);
  CHECK(only("{\"soft_id\":2}").soft_id == 2);
  const TemplateItem words = only(" {\"soft\":\"It was\",\"soft_id\":1,\"shortenable\":True}");
  CHECK(words.has_words);
  CHECK(words.text == "It was");
  CHECK(words.prefix == " ");
  CHECK_FALSE(words.shortenable);
}

TEST_CASE("the short form") {
  const ParsedTemplate parsed = parse_template("Review: {text}\nOverall, it was");
  CHECK(parsed.implied_answer);
  REQUIRE(parsed.items.size() == 3);
  CHECK(parsed.items[1].kind == Kind::field);
  CHECK(parsed.items[1].text == "text");
  CHECK(parsed.items[1].prefix == " ");
  CHECK(parsed.items[1].shortenable);
  CHECK(parsed.items[2].text == "\nOverall, it was");
  CHECK(only("{ meta.entity }").kind == Kind::meta);
  CHECK(only("{ meta.entity }").text == "entity");
  CHECK(only("{soft}").kind == Kind::soft);
  CHECK(only("{mask}").kind == Kind::answer);
  CHECK(only("{\"placeholder\":\"mask\"}").kind == Kind::field);
  CHECK_FALSE(parse_template("{text} {mask}").implied_answer);
}

TEST_CASE("filters by name and by lambda") {
  CHECK(find_text_filter("append-full-stop") == TextFilter::append_full_stop);
  CHECK(find_text_filter("lambda x:x+\".\"") == TextFilter::append_full_stop);
  CHECK(find_text_filter("lambda x : x + '.'") == TextFilter::append_full_stop);
  CHECK(find_text_filter("lambda s: s[:-1]") == TextFilter::drop_last_character);
  CHECK(find_text_filter("lambda s: s[:1].lower() + s[1:]") == TextFilter::lower_first_character);
  CHECK(find_text_filter("lambda x:x.strip('.')") == TextFilter::strip_full_stops);
  CHECK(find_text_filter("lambda x:x.strip('。')") == TextFilter::strip_ideographic_full_stops);
  CHECK(find_text_filter("lambda s: s.rstrip(string.punctuation)") == TextFilter::strip_end_punctuation);
  CHECK(find_text_filter("lambda x: \"\\n\\n\".join(x)") == TextFilter::join_with_blank_line);
  CHECK_FALSE(find_text_filter("lambda x: x+'!'"));
  CHECK_FALSE(find_text_filter("lambda x, y: x+'.'"));
  CHECK_FALSE(find_text_filter("lambda x: __import__('os').system('true')"));
  CHECK(only("{\"placeholder\":\"a\",\"post_processing\": lambda s: s.rstrip(\".\")}").filter ==
        TextFilter::strip_end_full_stops);
  // Braces and commas inside the lambda's own brackets and texts do not end it.
  CHECK(refused("{\"placeholder\":\"a\",\"post_processing\": lambda s: s.strip(\"}\" + s[1:], 2)} {mask}",
                "line 1, column 39", "lambda"));
}

TEST_CASE("filters have the results of Python's methods") {
  CHECK(filter_text(TextFilter::append_full_stop, "a") == "a.");
  CHECK(filter_text(TextFilter::drop_last_character, "caf\u00e9") == "caf");
  CHECK(filter_text(TextFilter::drop_last_character, "") == "");
  CHECK(filter_text(TextFilter::lower_first_character, "\u00c9TE") == "\u00e9TE");
  CHECK(filter_text(TextFilter::lower_first_character, "") == "");
  CHECK(filter_text(TextFilter::upper_case, "stra\u00dfe \u044f") == "STRA\u00dfE \u042f");
  CHECK(filter_text(TextFilter::lower_case, "A\u0416\U00010400") == "a\u0436\U00010428");
  CHECK(filter_text(TextFilter::strip_spaces, " \t\u3000a b\u00a0\n") == "a b");
  CHECK(filter_text(TextFilter::strip_full_stops, "..a.b..") == "a.b");
  CHECK(filter_text(TextFilter::strip_end_full_stops, "..a.b..") == "..a.b");
  CHECK(filter_text(TextFilter::strip_ideographic_full_stops, "。好。。") == "好");
  CHECK(filter_text(TextFilter::strip_end_ideographic_full_stops, "。好。。") == "。好");
  CHECK(filter_text(TextFilter::strip_end_punctuation, "great!?~") == "great");
  CHECK(filter_text(TextFilter::strip_end_punctuation, "\xff\xff.") == "\xff\xff");
  CHECK(filter_words(TextFilter::join_with_comma, {"a", "b"}) == "a, b");
  CHECK(filter_words(TextFilter::join_with_blank_line, {"a"}) == "a");
  CHECK_THROWS_AS(filter_words(TextFilter::upper_case, {}), std::logic_error);
}

TEST_CASE("errors give line, column and reason") {
  CHECK(refused("It was {\"mask\" . {\"x\"}", "line 1, column 16", "found \".\""));
  CHECK(refused("It was {\"mask\"", "line 1, column 8", "never closed"));
  CHECK(refused("It\nwas \u00e9 {\"mask}", "line 2, column 8", "quotes"));
  CHECK(refused("{\"sep\"} {\"mask\"}", "line 1, column 2", "unknown key \"sep\""));
  CHECK(refused("{\"placeholdr\": \"a\"} {\"mask\"}", "line 1, column 2", "Did you mean \"placeholder\"?"));
  CHECK(refused("{} {\"mask\"}", "line 1, column 1", "none of the keys"));
  CHECK(refused("{\"shortenable\": True} {\"mask\"}", "line 1, column 1", "none of the keys"));
  CHECK(!parse_template("a {\"placeholder\":\"x\"}").has_answer);
  CHECK(refused("{\"soft\":\"it\",\"soft_id\":0} {\"mask\"}", "line 1, column 24", "from 1"));
  CHECK(refused("{\"soft\",\"duplicate\":3} {\"mask\"}", "line 1, column 9", "keys alone"));
  CHECK(refused("{\"mask\": true}", "line 1, column 10", "Did you mean \"True\"?"));
  CHECK(refused("{\"mask\": [1]}", "line 1, column 10", "found \"[\""));
  CHECK(refused("{\"soft_id\": 1.5} {mask}", "line 1, column 13", "not a whole number"));
  CHECK(refused("{\"soft_id\": 99999999999999999999} {mask}", "line 1, column 13", "not a whole number"));
  CHECK(refused("{text a} {mask}", "line 1, column 7", "after the name"));
  CHECK(refused("{None}", "line 1, column 2", "None"));
  CHECK(refused("{\"placeholder\"} {mask}", "line 1, column 2", "needs a string"));
  CHECK(refused("{\"text\": 3} {mask}", "line 1, column 10", "needs a string"));
  CHECK(refused("{\"mask\",\"mask\"}", "line 1, column 9", "appears twice"));
  CHECK(refused("{\"text\": \"\\ud800\"} {mask}", "line 1, column 11", "escape"));
  CHECK(refused("{\"placeholder\":\"a\",\"post_processing\":\"mlp\"} {mask}", "line 1, column 38",
                "append-full-stop"));
  CHECK(refused("{\"soft\":None,\"post_processing\":\"upper-case\"} {mask}", "line 1, column 14",
                "placeholder, meta and choice"));
  CHECK(refused("{\"placeholder\":\"a\",\"post_processing\": lambda s: open(s", "line 1, column 1",
                "never closed"));
  CHECK(refusal(std::string((1 << 20) + 1, 'a')).find("1048576") != std::string::npos);
}

TEST_CASE("a long template is parsed in linear time") {
  std::string text;
  for (int i = 0; i < 20000; ++i)
    text += "a {b} ";
  CHECK(parse_template(text).items.size() == 40000);
}

TEST_CASE("any text is either parsed or rejected with line and column") {
  const std::string fragments[] = {"{",        "}",    "\"",      "'",    ":",        ",",    " ",       "\\",
                                   "mask",     "soft", "lambda",  "text", "\"mask\"", "{a}",  "(",       ")",
                                   "\u00e9",   "\xff", "\n",      "None", "12",       "\\x4", "\\U0001", "<",
                                   "\"text\"", "True", "soft_id", "-",    "."};
  std::mt19937 draw(7);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (int length = static_cast<int>(draw() % 12); length >= 0; --length)
      text += fragments[draw() % std::size(fragments)];
    CAPTURE(text);
    try {
      parse_template(text);
      ++accepted;
    } catch (const UsageError& error) {
      if (std::string_view(error.what()).substr(0, 14) != "template line ")
        FAIL("no line and column in: " << error.what());
    }
  }
  CHECK(accepted > 100);
  CHECK(accepted < 19900);
}

TEST_CASE("a role begins a turn, and spaces after it are not text") {
  const ParsedTemplate parsed =
      parse_template("{\"role\": \"user\"}  Is it? {\"role\":\"assistant\"} {\"mask\"}");
  REQUIRE(parsed.items.size() == 4);
  CHECK(parsed.items[0].kind == Kind::role);
  CHECK(parsed.items[0].text == "user");
  CHECK(parsed.items[1].prefix == "");
  CHECK(parsed.items[1].text == "Is it?");
  CHECK(parsed.items[2].prefix == "");
  CHECK(parsed.items[3].kind == Kind::answer);
  refused("{\"role\": \"uesr\"} {\"mask\"}", "line 1, column 1", "Did you mean \"user\"?");
  refused("{\"role\"} {\"mask\"}", "line 1, column 2", "needs a string in quotes");
}
