// Expected pieces follow the grammar in template_grammar.hpp and the rules of OpenPrompt's wrappers.
#include <cuecard/parts/template/grammar_template.hpp>

#include <cuecard/error.hpp>
#include <cuecard/testing/character_vocabulary.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using cuecard::testing::CharacterVocabulary;

namespace {

const PromptLayout masked{}, causal{.causal = true};

const CharacterVocabulary characters;

GrammarTemplate make(const std::string& text, const PromptLayout& layout, bool predict_eos = false,
                     const CharacterVocabulary& vocabulary = characters) {
  GrammarTemplate made({.text = text, .predict_eos = predict_eos});
  made.prepare({vocabulary, layout});
  return made;
}

/// Pieces as text: `[text]`, `(field)`, `*` and the given text for an answer, `~slot`, `<special>`; `!` after
/// what may be shortened.
std::string spell(const Prompt& prompt) {
  std::string spelling;
  for (const Piece& piece : prompt.input) {
    switch (piece.kind) {
    case Piece::Kind::text:
      spelling += "[" + piece.text + "]";
      break;
    case Piece::Kind::field:
      spelling += "(" + piece.text + ")";
      break;
    case Piece::Kind::answer:
      spelling += "*" + piece.text;
      break;
    case Piece::Kind::soft:
      spelling += "~" + std::to_string(piece.slot);
      break;
    case Piece::Kind::special:
      spelling += "<" + piece.text + ">";
      break;
    case Piece::Kind::trigger:
      spelling += "T";
      break;
    }
    spelling += piece.shortenable ? "!" : "";
  }
  return spelling;
}

Example example(std::map<std::string, std::string, std::less<>> fields) {
  Example made;
  made.fields = std::move(fields);
  return made;
}

std::string refusal(const std::string& text, const PromptLayout& layout, bool predict_eos = false) {
  try {
    make(text, layout, predict_eos);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("fields, text and answers in order") {
  const GrammarTemplate made =
      make(R"({"placeholder":"text_a"} It was {"mask"}. {"meta":"who"} {"mask"})", masked);
  Example input = example({{"text_a", "Good"}});
  input.meta["who"] = "me";
  CHECK(spell(made.render({input}).at(0)) == "(Good)![ It was]*[.]( me)*");
  CHECK(made.answer_slots() == 2);
  CHECK(made.render({input}).at(0).input[5].slot == 1);
  CHECK(made.render({input}).at(0).input[0].field == "text_a");
  CHECK(made.fields() == std::vector<std::string>{"text_a", "meta.who"});
  CHECK(made.source() == R"({"placeholder":"text_a"} It was {"mask"}. {"meta":"who"} {"mask"})");
}

TEST_CASE("an empty field leaves no space, in an example and in the blank prompt") {
  const GrammarTemplate made = make("{a} {b} It was {mask}", masked);
  CHECK(spell(made.render({example({{"a", "x"}, {"b", ""}})}).at(0)) == "(x)!()![ It was]*");
  CHECK(spell(made.blank()) == "()!()![ It was]*");
}

TEST_CASE("filters run before the prefix is added") {
  const GrammarTemplate made = make(
      R"(Q {"placeholder":"a","post_processing": lambda x: x.strip(".")} {"placeholder":"a","post_processing":"append-full-stop"} {"mask"})",
      masked);
  CHECK(spell(made.render({example({{"a", ".x."}})}).at(0)) == "[Q]( x)!( .x..)!*");
}

TEST_CASE("a list of words gives a piece per word, or is joined") {
  Example input;
  input.words["tokens"] = {"The", "", "cat"};
  const GrammarTemplate each = make("Tag: {tokens} {mask}", masked);
  const Prompt prompt = each.render({input}).at(0);
  CHECK(spell(prompt) == "[Tag:]( The)!()!( cat)!*");
  CHECK(prompt.input[3].word == 2);
  CHECK(prompt.input[4].word == -1);
  const GrammarTemplate joined =
      make(R"({"placeholder":"tokens","post_processing":"join-with-comma"} {"mask"})", masked);
  CHECK(spell(joined.render({input}).at(0)) == "(The, , cat)!*");
}

TEST_CASE("a list of alternatives gives a prompt for each alternative") {
  const GrammarTemplate made = make(
      R"({a}{"choice":"ends","post_processing":"append-full-stop"} {"mask"} {"choice":"ends","shortenable":True})",
      masked);
  Example input = example({{"a", "x"}});
  input.words["ends"] = {"y", "", "z z"};
  const std::vector<std::string> answers{"?"};
  const std::vector<Prompt> prompts = made.render({input, &answers});
  REQUIRE(prompts.size() == 3);
  CHECK(spell(prompts[0]) == "(x)!(y.)*?( y)!");
  CHECK(spell(prompts[1]) == "(x)!(.)*?()!");
  CHECK(spell(prompts[2]) == "(x)!(z z.)*?( z z)!");
  for (int64_t choice = 0; choice < 3; ++choice)
    CHECK(prompts[static_cast<std::size_t>(choice)].choice == choice);
  CHECK(prompts[2].input[1].field == "ends");
  CHECK(prompts[2].input[1].word == -1);
  CHECK(made.fields() == std::vector<std::string>{"a", "ends"});
  CHECK(spell(made.blank()) == "()!(.)*()!");
  CHECK(made.render({input}).size() == 3);

  const auto problem = [](const GrammarTemplate& of, const Example& wrong) -> std::string {
    try {
      of.render({wrong});
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(contains(problem(made, example({{"a", "x"}, {"ends", "y"}})),
                 "\"ends\", which the template uses at line 1"));
  const GrammarTemplate two = make(R"({"choice":"ends"} {"choice":"more"} {"mask"})", masked);
  input.words["more"] = {"1", "2"};
  CHECK(contains(problem(two, input), "\"more\" has 2 alternatives, and another list of the template has 3"));
  input.words["ends"] = {"y"};
  CHECK(contains(problem(made, input), "has 1 alternative, and a choice is between two or more"));
}

TEST_CASE("soft slots are numbered in order and shared by soft_id") {
  const GrammarTemplate made =
      make(R"({"soft"} {"soft":"ab","soft_id":4} {"soft":None,"duplicate":2,"same":True} )"
           R"({"soft_id":4} {"soft":None,"duplicate":2} {soft} {x} {"mask"})",
           causal);
  // The first word follows a space, which is a token of this vocabulary.
  CHECK(spell(made.render({example({{"x", "v"}})}).at(0)) == "~0~1~2~3~4~4~1~2~3~5~6~7( v)!*");
  REQUIRE(made.soft_slots().size() == 8);
  CHECK_FALSE(made.soft_slots()[0].initial_token);
  CHECK(made.soft_slots()[1].initial_token == ' ');
  CHECK(made.soft_slots()[2].initial_token == 'a');
  CHECK(made.soft_slots()[3].initial_token == 'b');
  CHECK_FALSE(made.soft_slots()[4].initial_token);
}

TEST_CASE("a short template of a causal model ends in its answer slot") {
  const GrammarTemplate made = make("Review: {text}\nOverall, it was", causal);
  CHECK(spell(made.render({example({{"text", "So so."}})}).at(0)) == "[Review:]( So so.)![\nOverall, it was]*");
  CHECK(made.answer_slots() == 1);
  CHECK(contains(refusal("Review: {text}\nOverall, it was", masked), "put {mask}"));
  CHECK(contains(refusal(R"(Review: {"placeholder":"text"})", causal), "no answer slot"));
}

TEST_CASE("a causal model has one answer slot, the first, and nothing but masks may follow it") {
  CHECK(make(R"({a} {"mask"} {"mask"})", causal).answer_slots() == 1);
  CHECK(contains(refusal(R"({"placeholder":"a"} It was {"mask"}. {"placeholder":"b"})", causal),
                 "template line 1, column 36: what follows the answer slot would be lost"));
  CHECK(contains(refusal(R"({"mask"} {"placeholder":"a"})", causal),
                 "template line 1, column 1: a causal model"));
  CharacterVocabulary with_bos;
  with_bos.prefix_ = {256};
  CHECK(make("{mask}", causal, false, with_bos).answer_slots() == 1);
}

TEST_CASE("given answers are inserted as they are, followed by an end-of-sequence token if requested") {
  const std::vector<std::string> answers{" good", " bad"};
  const Example input = example({{"a", "x"}});
  CHECK(spell(make("{a} {mask}", causal).render({input, &answers}).at(0)) == "(x)!* good");
  CHECK(spell(make("{a} {mask}", causal, true).render({input, &answers}).at(0)) == "(x)!* good<eos>");
  CHECK(spell(make("{a} {mask}", causal, true).render({input}).at(0)) == "(x)!*");
  CHECK(spell(make("{a} {mask} and {mask}", masked).render({input, &answers}).at(0)) ==
        "(x)!* good[ and]* bad");
  const std::vector<std::string> one{"x"}, empty{""};
  CHECK_THROWS_AS(make("{a} {mask} and {mask}", masked).render({input, &one}), DataError);
  CHECK_THROWS_AS(make("{a} {mask}", causal).render({input, &empty}), DataError);
}

TEST_CASE("special tokens by marker, checked when the template is prepared") {
  CHECK(spell(make(R"({"special":"<sep>"}{x} {"mask"})", masked).blank()) == "<sep>()!*");
  CHECK(spell(make(R"(<sep>{x} {"special":"<|x|>"} {"mask"})", masked).blank()) == "<sep>()![<|x|>]*");
  CHECK(contains(refusal(R"({x} {"special":"<pad>"} {"mask"})", masked), "template line 1, column 5"));
  Example input = example({{"x", "<sep>"}});
  CHECK(spell(make("{x}{mask}", masked).render({input}).at(0)) == "(<sep>)!*");
}

TEST_CASE("impossible templates are refused when they are prepared") {
  CHECK(contains(refusal("", causal), "empty"));
  CHECK(contains(refusal("{a} {mask}", masked, true), "predict-eos"));
  CharacterVocabulary no_mask;
  no_mask.special_.mask.reset();
  CHECK_THROWS_AS(make("{a} {mask}", masked, false, no_mask), UsageError);
  CharacterVocabulary no_eos;
  no_eos.special_.eos.reset();
  CHECK_THROWS_AS(make("{a} {mask}", causal, true, no_eos), UsageError);
  GrammarTemplate made = make("{a} {mask}", masked);
  CHECK(made.triggers().empty());
  CHECK_NOTHROW(made.set_triggers({}));
  CHECK_THROWS_AS(made.set_triggers({1}), UsageError);
}

TEST_CASE("trigger slots are where the template puts them, and the source spells the chosen tokens") {
  GrammarTemplate made = make("{a} {trigger}{\"trigger\": None, \"duplicate\": 2} {mask}", masked);
  CHECK(made.triggers() == std::vector<int64_t>{-1, -1, -1});
  made.set_triggers({'x', '"', '\\'});
  const std::string source = made.source();
  CHECK(source == "{a} {\"trigger\": \"x\"}{\"trigger\": \"\\\"\"}{\"trigger\": \"\\\\\"} {mask}");
  const GrammarTemplate again = make(source, masked);
  CHECK(again.triggers() == made.triggers());
  const std::vector<Piece> pieces = again.render({example({{"a", "b"}})}).at(0).input;
  REQUIRE(pieces.size() == 5);
  CHECK((pieces[1].kind == Piece::Kind::trigger && pieces[1].text == "x" && pieces[3].slot == 2));
}

TEST_CASE(
    "variants are the members of an ensemble: each is a template, and soft slots are numbered across them") {
  const std::string source = "{a} is{\"mask\"}{\"variant\"}So {\"soft\"} {a}{\"soft\"}:{\"mask\"}";
  const GrammarTemplate ensemble = make(source, causal);
  const std::vector<Prompt> prompts = ensemble.render({example({{"a", "x"}})});
  REQUIRE(prompts.size() == 2);
  CHECK(spell(prompts[0]) == "(x)![ is]*");
  CHECK(spell(prompts[1]) == "[So]~0( x)!~1[:]*");
  CHECK(prompts[0].variant == 0);
  CHECK(prompts[1].variant == 1);
  CHECK(prompts[1].input.back().slot == 0);
  CHECK(ensemble.answer_slots() == 1);
  CHECK(ensemble.source() == source);
  CHECK(spell(ensemble.blank()) == "()![ is]*");
  CHECK_THROWS_WITH_AS(make("{a}{\"mask\"}{\"variant\"}{a} is", masked), doctest::Contains("no answer slot"),
                       UsageError);
  CHECK_THROWS_WITH_AS(make("{a}{\"mask\"}{\"variant\"}{\"mask\"} {\"mask\"}", masked),
                       doctest::Contains("2 answer slots, and the one before it has 1"), UsageError);
}

TEST_CASE("set_source replaces the template") {
  GrammarTemplate changed = make("{a} {\"soft\"} {\"trigger\"}{\"mask\"}", causal);
  changed.set_source("{b} is{\"mask\"}");
  CHECK(changed.fields() == std::vector<std::string>{"b"});
  CHECK(changed.soft_slots().empty());
  CHECK(changed.triggers().empty());
  CHECK(spell(changed.render({example({{"b", "x"}})}).at(0)) == "(x)![ is]*");
  CHECK(changed.source() == "{b} is{\"mask\"}");
  CHECK_THROWS_AS(changed.set_source("{b} is{\"mask\"} late"), UsageError);
}

TEST_CASE("a template needs no answer slot unless its outputs are used") {
  PromptLayout layout = masked;
  layout.positions.kind = OutputPositions::Kind::sequence;
  CHECK_NOTHROW(make("{\"placeholder\": \"a\"}", layout));
  CHECK_THROWS_AS(make("{\"placeholder\": \"a\"}", masked), UsageError);
}

TEST_CASE("a misspelt field gets the nearest one as a suggestion") {
  const auto said = [](const char* text, const Example& row) -> std::string {
    try {
      make(text, masked).render({row});
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  Example row = example({{"text", "x"}});
  row.words["tokens"] = {"x"};
  row.meta["source"] = "x";
  CHECK(said("{txt} {mask}", row) ==
        "the example has no field \"txt\", which the template uses at line 1, column 1 "
        "(did you mean \"text\"?); it has text, tokens");
  CHECK(said("{token} {mask}", row).find("(did you mean \"tokens\"?)") != std::string::npos);
  CHECK(said("{meta.sorce} {mask}", row).find("(did you mean \"source\"?)") != std::string::npos);
  CHECK(said("{meta.tex} {mask}", row).find("did you mean") == std::string::npos); // that is no side data
}

TEST_CASE("a missing field is named, and the fields that exist") {
  const GrammarTemplate made = make("{a} {meta.b} {mask}", masked);
  try {
    made.render({example({{"x", ""}, {"y", ""}})});
    FAIL("no error");
  } catch (const DataError& error) {
    CHECK(std::string(error.what()) ==
          "the example has no field \"a\", which the template uses at line 1, column 1; it has x, y");
  }
  try {
    made.render({example({{"a", ""}})});
    FAIL("no error");
  } catch (const DataError& error) {
    CHECK(std::string(error.what()) ==
          "the example has no side data \"b\", which the template uses at line 1, column 5; it has none");
  }
}

namespace {

/// The same template with a line before it.
class Headed final : public GrammarTemplate {
public:
  using GrammarTemplate::GrammarTemplate;

protected:
  void finish(Prompt& prompt, const Example*) const override {
    prompt.input.insert(prompt.input.begin(), Piece::text_of("Answer briefly.\n"));
  }
};

} // namespace

TEST_CASE("a derived template changes every rendered prompt") {
  Headed headed({.text = R"({a} {"soft"} {"trigger"} is{"mask"}{"variant"}{"soft"}{a}:{"mask"})"});
  headed.prepare({characters, causal});
  const std::vector<Prompt> prompts = headed.render({example({{"a", "x"}})});
  REQUIRE(prompts.size() == 2);
  CHECK(spell(prompts[0]) == "[Answer briefly.\n](x)!~0T[ is]*");
  CHECK(spell(prompts[1]) == "[Answer briefly.\n]~1(x)![:]*");
  CHECK(spell(headed.blank()) == "[Answer briefly.\n]()!~0T[ is]*");
  CHECK(headed.soft_slots().size() == 2);

  headed.set_triggers({'t'});
  CHECK(headed.source() == R"({a} {"soft"} {"trigger": "t"} is{"mask"}{"variant"}{"soft"}{a}:{"mask"})");
  headed.set_source(R"({b} {"soft"}{"soft"}{"soft"} was{"mask"})");
  CHECK(headed.fields() == std::vector<std::string>{"b"});
  CHECK(headed.soft_slots().size() == 3);
  CHECK(spell(headed.render({example({{"b", "y"}})}).at(0)) == "[Answer briefly.\n](y)!~0~1~2[ was]*");
}

TEST_CASE("settings come from the options of grammar_template_options.hpp") {
  Options options;
  options.set("text", std::string("{a} {mask}"));
  options.set("predict-eos", true);
  options.set("encoder-decoder", std::string("auto"));
  options.set("chat-format", std::string("auto"));
  GrammarTemplate made(options);
  made.prepare({characters, causal});
  const std::vector<std::string> answers{" y"};
  CHECK(spell(made.render({example({{"a", "x"}}), &answers}).at(0)) == "(x)!* y<eos>");
}
