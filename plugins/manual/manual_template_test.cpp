// Expected pieces are read off openprompt-surface sections 1.3 to 1.5.
#include "manual_template.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/character_vocabulary.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::manual;
using cuecard::testing::CharacterVocabulary;

namespace {

const PromptTarget masked{}, causal{.causal = true, .encoder_decoder = false};

const CharacterVocabulary characters;

ManualTemplate make(const std::string& text, const PromptTarget& target, bool predict_eos = false,
                    const CharacterVocabulary& vocabulary = characters) {
  Options options;
  options.set("text", text);
  options.set("predict-eos", predict_eos);
  options.set("encoder-decoder", std::string("auto"));
  options.set("chat-format", std::string("auto"));
  ManualTemplate made(options);
  made.prepare(vocabulary, target);
  return made;
}

/// Pieces as text: `[text]`, `(field)`, `*` and the given text for an answer, `~slot`, `<special>`; `!` behind
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

std::string refusal(const std::string& text, const PromptTarget& target, bool predict_eos = false) {
  try {
    make(text, target, predict_eos);
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
  const ManualTemplate made =
      make(R"({"placeholder":"text_a"} It was {"mask"}. {"meta":"who"} {"mask"})", masked);
  Example row = example({{"text_a", "Good"}});
  row.meta["who"] = "me";
  CHECK(spell(made.render(row, nullptr).at(0)) == "(Good)![ It was]*[.]( me)*");
  CHECK(made.answer_slots() == 2);
  CHECK(made.render(row, nullptr).at(0).input[5].slot == 1);
  CHECK(made.render(row, nullptr).at(0).input[0].field == "text_a");
  CHECK(made.fields() == std::vector<std::string>{"text_a", "meta.who"});
  CHECK(made.source() == R"({"placeholder":"text_a"} It was {"mask"}. {"meta":"who"} {"mask"})");
}

TEST_CASE("an empty field leaves nothing, in an example and in the blank prompt") {
  const ManualTemplate made = make("{a} {b} It was {mask}", masked);
  CHECK(spell(made.render(example({{"a", "x"}, {"b", ""}}), nullptr).at(0)) == "(x)!()![ It was]*");
  CHECK(spell(made.blank()) == "()!()![ It was]*");
}

TEST_CASE("filters run before the prefix is added") {
  const ManualTemplate made = make(
      R"(Q {"placeholder":"a","post_processing": lambda x: x.strip(".")} {"placeholder":"a","post_processing":"append-full-stop"} {"mask"})",
      masked);
  CHECK(spell(made.render(example({{"a", ".x."}}), nullptr).at(0)) == "[Q]( x)!( .x..)!*");
}

TEST_CASE("a column of words gives a piece a word, or is joined") {
  Example row;
  row.words["tokens"] = {"The", "", "cat"};
  const ManualTemplate each = make("Tag: {tokens} {mask}", masked);
  const Prompt prompt = each.render(row, nullptr).at(0);
  CHECK(spell(prompt) == "[Tag:]( The)!()!( cat)!*");
  CHECK(prompt.input[3].word == 2);
  CHECK(prompt.input[4].word == -1);
  const ManualTemplate joined =
      make(R"({"placeholder":"tokens","post_processing":"join-with-comma"} {"mask"})", masked);
  CHECK(spell(joined.render(row, nullptr).at(0)) == "(The, , cat)!*");
}

TEST_CASE("a list of alternatives gives a prompt for each") {
  const ManualTemplate made = make(
      R"({a}{"choice":"ends","post_processing":"append-full-stop"} {"mask"} {"choice":"ends","shortenable":True})",
      masked);
  Example row = example({{"a", "x"}});
  row.words["ends"] = {"y", "", "z z"};
  const std::vector<std::string> answers{"?"};
  const std::vector<Prompt> prompts = made.render(row, &answers);
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
  CHECK(made.render(row, nullptr).size() == 3);

  const auto problem = [](const ManualTemplate& of, const Example& wrong) -> std::string {
    try {
      of.render(wrong, nullptr);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(contains(problem(made, example({{"a", "x"}, {"ends", "y"}})),
                 "\"ends\", which the template reads at line 1"));
  const ManualTemplate two = make(R"({"choice":"ends"} {"choice":"more"} {"mask"})", masked);
  row.words["more"] = {"1", "2"};
  CHECK(contains(problem(two, row), "\"more\" has 2 alternatives, and another that the template reads has 3"));
  row.words["ends"] = {"y"};
  CHECK(contains(problem(made, row), "has 1 alternative, and a choice is between two or more"));
}

TEST_CASE("soft slots are numbered in order and shared by soft_id") {
  const ManualTemplate made =
      make(R"({"soft"} {"soft":"ab","soft_id":4} {"soft":None,"duplicate":2,"same":True} )"
           R"({"soft_id":4} {"soft":None,"duplicate":2} {soft} {x} {"mask"})",
           causal);
  // The first word stands behind a space, which is a token of this vocabulary.
  CHECK(spell(made.render(example({{"x", "v"}}), nullptr).at(0)) == "~0~1~2~3~4~4~1~2~3~5~6~7( v)!*");
  REQUIRE(made.soft_slots().size() == 8);
  CHECK_FALSE(made.soft_slots()[0].initial_token);
  CHECK(made.soft_slots()[1].initial_token == ' ');
  CHECK(made.soft_slots()[2].initial_token == 'a');
  CHECK(made.soft_slots()[3].initial_token == 'b');
  CHECK_FALSE(made.soft_slots()[4].initial_token);
}

TEST_CASE("a short template of a causal model ends in its answer slot") {
  const ManualTemplate made = make("Review: {text}\nOverall, it was", causal);
  CHECK(spell(made.render(example({{"text", "So so."}}), nullptr).at(0)) ==
        "[Review:]( So so.)![\nOverall, it was]*");
  CHECK(made.answer_slots() == 1);
  CHECK(contains(refusal("Review: {text}\nOverall, it was", masked), "put {mask}"));
  CHECK(contains(refusal(R"(Review: {"placeholder":"text"})", causal), "no answer slot"));
}

TEST_CASE("a causal model reads the first answer slot and nothing may stand behind") {
  CHECK(make(R"({a} {"mask"} {"mask"})", causal).answer_slots() == 1);
  CHECK(contains(refusal(R"({"placeholder":"a"} It was {"mask"}. {"placeholder":"b"})", causal),
                 "template line 1, column 36: what stands behind the answer slot would be lost"));
  CHECK(contains(refusal(R"({"mask"} {"placeholder":"a"})", causal),
                 "template line 1, column 1: a causal model"));
  CharacterVocabulary with_bos;
  with_bos.prefix_ = {256};
  CHECK(make("{mask}", causal, false, with_bos).answer_slots() == 1);
}

TEST_CASE("given answers stand in their slots as they are, with an end when asked for") {
  const std::vector<std::string> answers{" good", " bad"};
  const Example row = example({{"a", "x"}});
  CHECK(spell(make("{a} {mask}", causal).render(row, &answers).at(0)) == "(x)!* good");
  CHECK(spell(make("{a} {mask}", causal, true).render(row, &answers).at(0)) == "(x)!* good<eos>");
  CHECK(spell(make("{a} {mask}", causal, true).render(row, nullptr).at(0)) == "(x)!*");
  CHECK(spell(make("{a} {mask} and {mask}", masked).render(row, &answers).at(0)) == "(x)!* good[ and]* bad");
  const std::vector<std::string> one{"x"}, empty{""};
  CHECK_THROWS_AS(make("{a} {mask} and {mask}", masked).render(row, &one), DataError);
  CHECK_THROWS_AS(make("{a} {mask}", causal).render(row, &empty), DataError);
}

TEST_CASE("special tokens by marker, checked at load") {
  CHECK(spell(make(R"({"special":"<sep>"}{x} {"mask"})", masked).blank()) == "<sep>()!*");
  CHECK(spell(make(R"(<sep>{x} {"special":"<|x|>"} {"mask"})", masked).blank()) == "<sep>()![<|x|>]*");
  CHECK(contains(refusal(R"({x} {"special":"<pad>"} {"mask"})", masked), "template line 1, column 5"));
  Example row = example({{"x", "<sep>"}});
  CHECK(spell(make("{x}{mask}", masked).render(row, nullptr).at(0)) == "(<sep>)!*");
}

TEST_CASE("what can't work is refused at load") {
  CHECK(contains(refusal("", causal), "empty"));
  CHECK(contains(refusal("{a} {mask}", masked, true), "predict-eos"));
  CharacterVocabulary no_mask;
  no_mask.special_.mask.reset();
  CHECK_THROWS_AS(make("{a} {mask}", masked, false, no_mask), UsageError);
  CharacterVocabulary no_eos;
  no_eos.special_.eos.reset();
  CHECK_THROWS_AS(make("{a} {mask}", causal, true, no_eos), UsageError);
  ManualTemplate made = make("{a} {mask}", masked);
  CHECK(made.triggers().empty());
  CHECK_NOTHROW(made.set_triggers({}));
  CHECK_THROWS_AS(made.set_triggers({1}), UsageError);
}

TEST_CASE("triggers stand where the template puts them, and the source spells those that were chosen") {
  ManualTemplate made = make("{a} {trigger}{\"trigger\": None, \"duplicate\": 2} {mask}", masked);
  CHECK(made.triggers() == std::vector<int64_t>{-1, -1, -1});
  made.set_triggers({'x', '"', '\\'});
  const std::string source = made.source();
  CHECK(source == "{a} {\"trigger\": \"x\"}{\"trigger\": \"\\\"\"}{\"trigger\": \"\\\\\"} {mask}");
  const ManualTemplate again = make(source, masked);
  CHECK(again.triggers() == made.triggers());
  const std::vector<Piece> pieces = again.render(example({{"a", "b"}}), nullptr).at(0).input;
  REQUIRE(pieces.size() == 5);
  CHECK((pieces[1].kind == Piece::Kind::trigger && pieces[1].text == "x" && pieces[3].slot == 2));
}

TEST_CASE("variants are the members of an ensemble: each is a template, slots are numbered on") {
  const std::string source = "{a} is{\"mask\"}{\"variant\"}So {\"soft\"} {a}{\"soft\"}:{\"mask\"}";
  const ManualTemplate ensemble = make(source, causal);
  const std::vector<Prompt> prompts = ensemble.render(example({{"a", "x"}}), nullptr);
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
                       doctest::Contains("2 answer slots, and the one in front of it has 1"), UsageError);
}

TEST_CASE("a template becomes another when its source is set") {
  ManualTemplate changed = make("{a} {\"soft\"} {\"trigger\"}{\"mask\"}", causal);
  changed.set_source("{b} is{\"mask\"}");
  CHECK(changed.fields() == std::vector<std::string>{"b"});
  CHECK(changed.soft_slots().empty());
  CHECK(changed.triggers().empty());
  CHECK(spell(changed.render(example({{"b", "x"}}), nullptr).at(0)) == "(x)![ is]*");
  CHECK(changed.source() == "{b} is{\"mask\"}");
  CHECK_THROWS_AS(changed.set_source("{b} is{\"mask\"} late"), UsageError);
}

TEST_CASE("a template whose answers are not read needs no answer slot") {
  PromptTarget target = masked;
  target.reading.rows = Reading::Rows::sequence;
  CHECK_NOTHROW(make("{\"placeholder\": \"a\"}", target));
  CHECK_THROWS_AS(make("{\"placeholder\": \"a\"}", masked), UsageError);
}

TEST_CASE("a missing field is named, and what there is") {
  const ManualTemplate made = make("{a} {meta.b} {mask}", masked);
  try {
    made.render(example({{"x", ""}, {"y", ""}}), nullptr);
    FAIL("no error");
  } catch (const DataError& error) {
    CHECK(std::string(error.what()) ==
          "the example has no field \"a\", which the template reads at line 1, column 1; it has x, y");
  }
  try {
    made.render(example({{"a", ""}}), nullptr);
    FAIL("no error");
  } catch (const DataError& error) {
    CHECK(std::string(error.what()) ==
          "the example has no side data \"b\", which the template reads at line 1, column 5; it has none");
  }
}
