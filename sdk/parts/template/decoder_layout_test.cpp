// Expected pieces follow OpenPrompt's wrappers for T5 and T5-LM.
#include <cuecard/parts/template/grammar_template.hpp>

#include <cuecard/error.hpp>
#include <cuecard/testing/character_vocabulary.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using cuecard::testing::CharacterVocabulary;

namespace {

const PromptLayout encoder_decoder{.encoder_decoder = true, .decoder_start = 302};

/// A vocabulary like T5's: two sentinels and no mask.
class Sentinels final : public CharacterVocabulary {
public:
  Sentinels() { special_.mask.reset(); }
  std::optional<int64_t> id(std::string_view piece) const override {
    if (piece == "<extra_id_0>" || piece == "<extra_id_1>")
      return piece == "<extra_id_0>" ? 311 : 310;
    return CharacterVocabulary::id(piece);
  }
};

/// A vocabulary like BART's: a mask, and a token before every sequence.
class Masked final : public CharacterVocabulary {
public:
  Masked() { prefix_ = {256}; }
  std::string piece(int64_t id) const override { return id == 256 ? "<s>" : CharacterVocabulary::piece(id); }
};

/// One with neither.
class Plain final : public CharacterVocabulary {
public:
  Plain() { special_.mask.reset(); }
};

const Sentinels t5;
const Masked bart;
const Plain plain;

GrammarTemplate make(const std::string& text, const Vocabulary& vocabulary, const std::string& layout = "auto",
                     bool predict_eos = false) {
  GrammarTemplate made({.text = text, .predict_eos = predict_eos, .encoder_decoder = layout});
  made.prepare({vocabulary, encoder_decoder});
  return made;
}

/// Pieces as text: words as they are, `<special>`, `*` and the given text for an answer, `~` for a soft slot.
std::string spell(const std::vector<Piece>& pieces) {
  std::string spelling;
  for (const Piece& piece : pieces)
    spelling += piece.kind == Piece::Kind::special
                    ? (piece.text.front() == '<' ? piece.text : "<" + piece.text + ">")
                : piece.kind == Piece::Kind::answer ? "*" + piece.text
                : piece.kind == Piece::Kind::soft   ? "~"
                                                    : piece.text;
  return spelling;
}

std::string both_sides(const GrammarTemplate& made, const std::vector<std::string>* answers = nullptr) {
  Example example;
  example.fields["a"] = "x";
  const Prompt prompt = made.render({example, answers}).at(0);
  return spell(prompt.input) + " | " + spell(prompt.output);
}

std::string refusal(const std::string& text, const Vocabulary& vocabulary, const std::string& layout = "auto",
                    bool predict_eos = false) {
  try {
    make(text, vocabulary, layout, predict_eos);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("sentinels mark the answers on both sides") {
  const GrammarTemplate made = make("{a} is {mask} and {mask}.", t5);
  CHECK(made.answer_slots() == 2);
  CHECK(both_sides(made) == "x is<extra_id_0> and<extra_id_1>. | <extra_id_0>*<extra_id_1>*");
  const std::vector<std::string> answers{" good", " bad"};
  CHECK(both_sides(made, &answers) ==
        "x is<extra_id_0> and<extra_id_1>. | <extra_id_0>* good<extra_id_1>* bad");
  CHECK(both_sides(make("{a} is {mask} and {mask}.", t5, "sentinels", true), &answers) ==
        "x is<extra_id_0> and<extra_id_1>. | <extra_id_0>* good<extra_id_1>* bad<eos>");
  Example example;
  example.fields["a"] = "x";
  CHECK(made.render({example}).at(0).output[3].slot == 1);
  CHECK(spell(made.blank().output) == "<extra_id_0>*<extra_id_1>*");
}

TEST_CASE("the text ends where the answer begins") {
  CHECK(both_sides(make("{a} {soft} is {mask} . {mask}", t5, "continuation")) == "x~ is | <extra_id_0>*");
  CHECK(make("{a} is {mask} {mask}", t5, "continuation").answer_slots() == 1);
  CHECK(both_sides(make("{a} is {mask}", plain)) == "x is | *"); // auto, without sentinels or a mask
  const std::vector<std::string> answers{"y"};
  CHECK(both_sides(make("{a} is {mask}", t5, "continuation", true), &answers) == "x is | <extra_id_0>*y<eos>");
}

TEST_CASE("a mask token in the input, and the sequence prefix before the answer") {
  CHECK(both_sides(make("{a} is {mask}.", bart)) == "x is<mask>. | <s>*");
}

TEST_CASE("plain text, and nothing before the answer") {
  for (const Vocabulary* vocabulary : std::initializer_list<const Vocabulary*>{&t5, &bart, &plain})
    CHECK(both_sides(make("{a} is", *vocabulary, "plain")) == "x is | *");
  const std::vector<std::string> answers{"y"};
  CHECK(both_sides(make("{a}", t5, "plain", true), &answers) == "x | *y<eos>");
  CHECK(refusal("{a} {mask} {mask}", t5, "plain").find("template line 1, column 12: this encoder-decoder") ==
        0);
}

TEST_CASE("a short template ends in its answer slot") {
  CHECK(both_sides(make("{a} is", t5)) == "x is<extra_id_0> | <extra_id_0>*");
  CHECK(both_sides(make("{a} is", t5, "continuation")) == "x is | <extra_id_0>*");
}

TEST_CASE("impossible answer slots are refused with line and column") {
  CHECK(refusal("{a} {mask} {mask} {mask}", t5) ==
        "template line 1, column 19: the model's vocabulary has no token <extra_id_2>, which marks this "
        "answer slot: use fewer slots, or the option \"encoder-decoder\" continuation.");
  CHECK(refusal("{mask} {a}", t5, "continuation").find("template line 1, column 1: the decoder continues") ==
        0);
  CHECK(refusal("{a} {mask} {mask}", bart).find("template line 1, column 12: this encoder-decoder") == 0);
  CHECK(
      refusal("{a} {mask}", t5, "mask").find("template line 1, column 5: the model's vocabulary has no mask") ==
      0);
  Sentinels endless;
  endless.special_.eos.reset();
  CHECK(refusal("{a} {mask}", endless, "auto", true).find("predict-eos") != std::string::npos);

  GrammarTemplate made({.text = "{a} {mask}"});
  PromptLayout words = encoder_decoder;
  words.positions.kind = OutputPositions::Kind::words;
  CHECK_THROWS_WITH_AS(made.prepare({t5, words}), doctest::Contains("outputs are those of its decoder"),
                       UsageError);
}
