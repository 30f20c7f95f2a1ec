// Expected tokens are taken from OpenPrompt's tokenization and from assemble.hpp, with a vocabulary in which
// each character is its own token. One file, because every case needs that vocabulary and its prompts.
#include "batch/assemble.hpp"

#include <cuecard/error.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// One token per byte, its id the byte's value; special tokens from 256.
class CharacterVocabulary final : public Vocabulary {
public:
  explicit CharacterVocabulary(bool bert) {
    if (bert) {
      special_ = {.bos = {}, .eos = {}, .unk = {}, .sep = 257, .pad = 259, .cls = 256, .mask = 258};
      prefix_ = {256};
      suffix_ = {257};
    } else {
      special_.eos = 260;
    }
  }

  std::vector<Token> encode(std::string_view text) const override {
    std::vector<Token> tokens;
    for (uint32_t i = 0; i < text.size(); ++i)
      tokens.push_back({static_cast<unsigned char>(text[i]), i, i + 1});
    return tokens;
  }
  std::vector<Token> encode_with_specials(std::string_view text) const override {
    return text == "[SEP]" ? std::vector<Token>{{257, 0, 5}} : encode(text);
  }
  std::string decode(std::span<const int64_t>, bool) const override { return ""; }
  std::string piece(int64_t id) const override { return std::string(1, static_cast<char>(id)); }
  std::optional<int64_t> id(std::string_view piece) const override {
    if (piece == "<X>" || piece == "<Y>") // sentinels of an encoder-decoder
      return piece == "<X>" ? 261 : 262;
    return piece.size() == 1 ? std::optional<int64_t>(piece[0]) : std::nullopt;
  }
  int64_t size() const override { return 263; }
  const SpecialTokens& special() const override { return special_; }
  bool is_special(int64_t id) const override { return id >= 256; }
  std::span<const int64_t> sequence_prefix() const override { return prefix_; }
  std::span<const int64_t> sequence_suffix() const override { return suffix_; }
  std::string kind() const override { return "WordPiece"; }

  SpecialTokens special_;
  std::vector<int64_t> prefix_, suffix_;
};

Piece piece(Piece::Kind kind, std::string text, bool shortenable = false, int64_t slot = 0) {
  Piece piece;
  piece.kind = kind;
  piece.text = std::move(text);
  piece.shortenable = shortenable;
  piece.slot = slot;
  return piece;
}
Piece text(std::string words) {
  return piece(Piece::Kind::text, std::move(words));
}
Piece field(std::string words) {
  return piece(Piece::Kind::field, std::move(words), true);
}
Piece answer(std::string given = "", int64_t slot = 0) {
  return piece(Piece::Kind::answer, std::move(given), false, slot);
}
Piece soft(int64_t slot) {
  return piece(Piece::Kind::soft, "", false, slot);
}
Piece special(std::string marker) {
  return piece(Piece::Kind::special, std::move(marker));
}

/// Tokens as text: bytes as they are, `C S M P E X Y` for the special tokens, a digit for each soft slot, a
/// capital `T` for a trigger.
std::string spell(const std::vector<PromptToken>& tokens) {
  std::string spelling;
  for (const PromptToken& token : tokens)
    spelling += token.soft_slot >= 0      ? static_cast<char>('0' + token.soft_slot)
                : token.trigger_slot >= 0 ? 'T'
                : token.id >= 256         ? "CSMPEXY"[token.id - 256]
                                          : static_cast<char>(token.id);
  return spelling;
}

using Positions = std::vector<int64_t>;

const CharacterVocabulary bert(true), gpt(false);
const PromptLayout masked{}, causal{.causal = true, .encoder_decoder = false};

TokenizedPrompt cut(std::vector<Piece> pieces, int64_t length, Truncate truncate, bool as_causal = false) {
  Prompt prompt;
  prompt.input = std::move(pieces);
  return assemble(prompt, as_causal ? gpt : bert, as_causal ? causal : masked, {length, truncate});
}

std::string refusal(std::vector<Piece> pieces, bool as_causal, int64_t length = 0) {
  try {
    cut(std::move(pieces), length, Truncate::tail, as_causal);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("a masked model: special tokens around, a mask token per answer slot") {
  const TokenizedPrompt prompt = cut({field("ab"), answer(), text("x"), answer("", 1)}, 0, Truncate::tail);
  CHECK(spell(prompt.input) == "CabMxMS");
  CHECK(prompt.answers == Positions{3, 5});
  CHECK(prompt.targets == Positions{-1, -1});
  CHECK(prompt.output.empty());
  CHECK(prompt.cut.total() == 0);
}

TEST_CASE("a causal model: the token before the answer is selected, nothing follows") {
  const TokenizedPrompt prompt = cut({field("ab"), text(" is"), answer()}, 0, Truncate::tail, true);
  CHECK(spell(prompt.input) == "ab is");
  CHECK(prompt.answers == Positions{4});
  CHECK(prompt.targets == Positions{-1});
}

TEST_CASE("a causal model whose vocabulary begins with a token keeps it and gets no end") {
  CharacterVocabulary vocabulary(true);
  Prompt prompt;
  prompt.input = {answer()};
  const TokenizedPrompt tokens = assemble(prompt, vocabulary, causal);
  CHECK(spell(tokens.input) == "C");
  CHECK(tokens.answers == Positions{0});
}

TEST_CASE("a beginning that the template wrote is not doubled") {
  CharacterVocabulary vocabulary(false);
  vocabulary.special_.bos = 256;
  vocabulary.prefix_ = {256};
  const auto tokens = [&](std::vector<Piece> pieces) {
    Prompt prompt;
    prompt.input = std::move(pieces);
    return spell(assemble(prompt, vocabulary, causal).input);
  };
  CHECK(tokens({text("ab"), answer()}) == "Cab");
  CHECK(tokens({special("bos"), text("ab"), answer()}) == "Cab");
  CHECK(tokens({text("a"), special("bos"), answer()}) == "CaC");
  CHECK(tokens({special("bos"), special("bos"), text("a"), answer()}) ==
        "CCa"); // wanted twice, it is there twice
  vocabulary.prefix_ = {256, 257};
  CHECK(tokens({special("bos"), text("a"), answer()}) == "CSCa");
}

TEST_CASE("given answers of a causal model are tokens, each predicted from the one before") {
  const TokenizedPrompt prompt = cut({field("a"), answer("yes"), special("eos")}, 0, Truncate::tail, true);
  CHECK(spell(prompt.input) == "ayesE");
  CHECK(prompt.answers == Positions{0, 1, 2, 3});
  CHECK(prompt.targets == Positions{'y', 'e', 's', 260});
}

TEST_CASE("text between two given answers is no target") {
  const TokenizedPrompt prompt =
      cut({field("a"), answer("b"), text("-"), answer("c", 1)}, 0, Truncate::tail, true);
  CHECK(spell(prompt.input) == "ab-c");
  CHECK(prompt.answers == Positions{0, 2});
  CHECK(prompt.targets == Positions{'b', 'c'});
}

TEST_CASE("text of the template may name special tokens, text of the example never does") {
  CHECK(spell(cut({text("[SEP]"), answer()}, 0, Truncate::tail).input) == "CSMS");
  CHECK(spell(cut({field("[SEP]"), answer()}, 0, Truncate::tail).input) == "C[SEP]MS");
}

TEST_CASE("soft slots, triggers, segments and where tokens came from") {
  Prompt prompt;
  prompt.prepended = {soft(3)};
  prompt.input = {soft(0),        field("ab"), piece(Piece::Kind::trigger, "x", false, 2),
                  special("sep"), field("c"),  answer()};
  prompt.input[1].word = 7;
  prompt.input[4].segment = 1;
  prompt.choice = 2;
  prompt.input[1].field = "second";
  prompt.input[1].lead = 1;
  const TokenizedPrompt tokens = assemble(prompt, bert, masked, {}, {"first", "second"});
  CHECK(spell(tokens.input) == "3C0abTScMS");
  CHECK(tokens.choice == 2);
  CHECK(tokens.input[5].trigger_slot == 2);
  CHECK(tokens.input[5].id == 'x');
  CHECK(tokens.answers == Positions{8});
  CHECK(tokens.input[1].origin.field == -1);
  CHECK(tokens.input[4].origin.field == 1);
  CHECK(tokens.input[4].origin.word == 7);
  CHECK(tokens.input[4].origin.begin == 0); // the space before it is not the field's
  CHECK(tokens.input[4].origin.end == 1);
  CHECK(tokens.input[7].segment == 1);
  CHECK(tokens.input[8].segment == 0);
}

TEST_CASE("tokens other than answers are selected where a verbalizer needs them") {
  Prompt prompt;
  prompt.prepended = {soft(0)};
  for (const int64_t word : {0, 1, 2}) {
    prompt.input.push_back(field(word == 1 ? "b" : "ac"));
    prompt.input.back().field = "words";
    prompt.input.back().word = word;
  }
  const auto selected = [&](OutputPositions::Kind kind, const PromptLayout& model) {
    PromptLayout target = model;
    target.positions = {kind, "words"};
    return assemble(prompt, bert, target, {}, {"words"}).answers;
  };
  CHECK(selected(OutputPositions::Kind::sequence, masked) == Positions{1}); // 0CacbacS
  CHECK(selected(OutputPositions::Kind::first_token, masked) == Positions{0});
  CHECK(selected(OutputPositions::Kind::words, masked) == Positions{2, 4, 5});
  CHECK(selected(OutputPositions::Kind::tokens, masked) == Positions{2, 3, 4, 5, 6});
  PromptLayout causal;
  causal.causal = true;
  CHECK(selected(OutputPositions::Kind::sequence, causal) == Positions{6});
  PromptLayout other = masked;
  other.positions = {OutputPositions::Kind::words, "others"};
  CHECK_THROWS_WITH_AS(assemble(prompt, bert, other, {}, {"words", "others"}), doctest::Contains("\"others\""),
                       DataError);
}

TEST_CASE("a given answer of a masked model is as many mask tokens as it has tokens") {
  Prompt prompt;
  prompt.input = {field("a"), answer("bc")};
  CHECK_THROWS_AS(assemble(prompt, bert, masked), DataError);
  PromptLayout target = masked;
  target.masked_targets = true;
  const TokenizedPrompt tokens = assemble(prompt, bert, target);
  CHECK(spell(tokens.input) == "CaMMS");
  CHECK(tokens.answers == Positions{2, 3});
  CHECK(tokens.targets == Positions{'b', 'c'});
}

TEST_CASE("the end token has the segment of the text that it ends") {
  Prompt prompt;
  prompt.input = {answer(), field("c")};
  prompt.input[1].segment = 1;
  const TokenizedPrompt tokens = assemble(prompt, bert, masked);
  CHECK(tokens.input.front().segment == 0);
  CHECK(tokens.input.back().segment == 1);
}

TEST_CASE("tail cuts from the last shortenable piece backwards") {
  const std::vector<Piece> pieces{field("abcdef"), text("-"), field("xyz"), answer()};
  CHECK(spell(cut(pieces, 13, Truncate::tail).input) == "Cabcdef-xyzMS");
  CHECK(spell(cut(pieces, 12, Truncate::tail).input) == "Cabcdef-xyMS");
  const TokenizedPrompt prompt = cut(pieces, 8, Truncate::tail);
  CHECK(spell(prompt.input) == "Cabcd-MS");
  CHECK(prompt.answers == Positions{6});
  CHECK(prompt.cut.total() == 5);
}

TEST_CASE("head cuts from the beginning of the first shortenable piece on") {
  const std::vector<Piece> pieces{field(""), field("abcdef"), text("-"), field("xyz"), answer()};
  CHECK(spell(cut(pieces, 11, Truncate::head).input) == "Ccdef-xyzMS");
  CHECK(spell(cut(pieces, 6, Truncate::head).input) == "C-yzMS");
}

TEST_CASE("balanced cuts each piece by its share, rounded up from the left") {
  // n = 4 of 9: the first gives ceil(6/9 * 4) = 3, the empty one nothing, the last ceil(3/9 * 4) = 2 but 1 is
  // left.
  const std::vector<Piece> pieces{field("abcdef"), field(""), field("xyz"), answer()};
  CHECK(spell(cut(pieces, 8, Truncate::balanced).input) == "CabcxyMS");
  CHECK(spell(cut(pieces, 3, Truncate::balanced).input) == "CMS");
}

TEST_CASE("what is cut is counted by field, whatever is kept of them") {
  Prompt prompt;
  prompt.input = {text("-"), field("abcdef"), field("xyz"), answer()};
  prompt.input[0].shortenable = true;
  prompt.input[1].field = "first";
  prompt.input[2].field = "second";
  const auto lost = [&](int64_t length, Truncate truncate) {
    return assemble(prompt, bert, masked, {length, truncate}, {"first", "second"}).cut;
  };
  using Lost = std::map<std::string, int64_t>;
  CHECK(lost(13, Truncate::tail).by_field.empty()); // C-abcdefxyzMS
  CHECK(lost(13, Truncate::tail).limit == 0);
  CHECK(lost(11, Truncate::tail).by_field == Lost{{"second", 2}});
  CHECK(lost(8, Truncate::tail).by_field == Lost{{"first", 2}, {"second", 3}});
  CHECK(lost(8, Truncate::tail).limit == 8);
  CHECK(lost(8, Truncate::head).by_field == Lost{{"", 1}, {"first", 4}});
  // n = 5 of 10: ceil(1/10 * 5) = 1 of the text, ceil(6/10 * 5) = 3, and 1 is left.
  CHECK(lost(8, Truncate::balanced).by_field == Lost{{"", 1}, {"first", 3}, {"second", 1}});
  CHECK(lost(8, Truncate::balanced).total() == 5);
}

TEST_CASE("windows hold the selected field in overlapping parts, with all of the rest") {
  PromptLayout target;
  target.positions = {OutputPositions::Kind::tokens, "context"};
  const auto spelled = [&](const std::vector<Piece>& pieces, int64_t length) {
    Prompt prompt;
    prompt.input = pieces;
    std::vector<std::string> windows;
    for (const TokenizedPrompt& window :
         assemble_windows(prompt, bert, target, {length, Truncate::windows}, {"question", "context"})) {
      windows.push_back(spell(window.input));
      CHECK(window.cut.total() == 0); // nothing is lost
    }
    return windows;
  };
  const auto named = [](const std::string& name, Piece piece) {
    piece.field = name;
    return piece;
  };
  const std::vector<Piece> pieces{named("question", field("qr")), text("?"),
                                  named("context", field("abcdefghi")), soft(0)};
  CHECK(spelled(pieces, 15) == std::vector<std::string>{"Cqr?abcdefghi0S"});
  // Each window has four of the nine tokens, and begins two after the one before it.
  CHECK(spelled(pieces, 10) ==
        std::vector<std::string>{"Cqr?abcd0S", "Cqr?cdef0S", "Cqr?efgh0S", "Cqr?fghi0S"});
  CHECK(spelled(pieces, 7).size() == 9);
  CHECK_THROWS_WITH_AS(spelled(pieces, 6), doctest::Contains("without all of \"context\""), DataError);

  // In a field of words, a window begins at the beginning of a word.
  const auto word = [&](int64_t index, const std::string& letters) {
    Piece piece = named("context", field(letters));
    piece.word = index;
    return piece;
  };
  CHECK(spelled({word(0, "ab"), word(1, "cde"), word(2, "fghi")}, 8) ==
        std::vector<std::string>{"CabcdefS", "CcdefghS", "CfghiS"});
  // A word that is longer than a window is cut: its first token is the selected one.
  CHECK(spelled({word(0, "ab"), word(1, "cdefg"), word(2, "h")}, 5) ==
        std::vector<std::string>{"CabcS", "CcdeS", "ChS"});
}

TEST_CASE("tokens are selected after truncation") {
  const TokenizedPrompt prompt = cut({field("abcdef"), answer()}, 4, Truncate::tail, true);
  CHECK(spell(prompt.input) == "abcd");
  CHECK(prompt.answers == Positions{3});
}

TEST_CASE("soft slots, special tokens and given answers count towards the limit and are never removed") {
  CHECK(spell(cut({soft(0), soft(1), field("abc"), answer()}, 6, Truncate::tail).input) == "C01aMS");
  CHECK(spell(cut({soft(0), field("abc"), answer("no")}, 4, Truncate::head, true).input) == "0cno");
}

TEST_CASE("tokens of an encoder-decoder's output are selected there") {
  Prompt prompt;
  prompt.input = {field("ab")};
  prompt.output = {special("pad"), answer("c")};
  const TokenizedPrompt tokens = assemble(prompt, bert, {.causal = false, .encoder_decoder = true});
  CHECK(spell(tokens.input) == "CabS");
  CHECK(spell(tokens.output) == "Pc");
  CHECK(tokens.answers == Positions{0});
  CHECK(tokens.targets == Positions{'c'});
}

TEST_CASE("a decoder begins with its own first token, and the token before each answer is selected") {
  const PromptLayout t5{.causal = false, .encoder_decoder = true, .decoder_start = 259};
  Prompt prompt;
  prompt.input = {field("ab"), special("<X>"), text("c"), special("<Y>")};
  prompt.output = {special("<X>"), answer("", 0), special("<Y>"), answer("", 1)};
  TokenizedPrompt tokens = assemble(prompt, bert, t5);
  CHECK(spell(tokens.input) == "CabXcYS");
  CHECK(spell(tokens.output) == "PXY"); // slots stay open next to each other
  CHECK(tokens.answers == Positions{1, 2});
  CHECK(tokens.targets == Positions{-1, -1});

  // As in OpenPrompt, sentinel 0 is given, later ones and the end are targets.
  prompt.output = {special("<X>"), answer("no", 0), special("<Y>"), answer("i", 1), special("sep")};
  tokens = assemble(prompt, bert, t5);
  CHECK(spell(tokens.output) == "PXnoYiS");
  CHECK(tokens.answers == Positions{1, 2, 3, 4, 5});
  CHECK(tokens.targets == Positions{'n', 'o', 262, 'i', 257});

  prompt.output.clear();
  PromptLayout whole = t5;
  whole.positions.kind = OutputPositions::Kind::sequence;
  tokens = assemble(prompt, bert, whole);
  CHECK(spell(tokens.output) == "P");
  CHECK(tokens.answers == Positions{0});
}

TEST_CASE("an end token in an encoder-decoder's template is not repeated, and the input is truncated") {
  const PromptLayout t5{.causal = false, .encoder_decoder = true, .decoder_start = 259};
  Prompt prompt;
  prompt.input = {field("abcd"), special("<X>"), special("sep")};
  prompt.output = {special("<X>"), answer("xyz")};
  CHECK(spell(assemble(prompt, bert, t5).input) == "CabcdXS");
  const TokenizedPrompt shortened = assemble(prompt, bert, t5, {5, Truncate::tail});
  CHECK(spell(shortened.input) == "CabXS");
  CHECK(spell(shortened.output) == "PXxyz");
  prompt.input.insert(prompt.input.begin(), soft(0));
  prompt.input.back() = soft(1);
  CHECK(spell(assemble(prompt, bert, t5).input) == "C0abcdX1S");
}

TEST_CASE("prompts that can't be assembled are rejected with a message") {
  CHECK(refusal({field("ab"), answer()}, false, 3) == "");
  CHECK(refusal({text("abc"), field("d"), answer()}, false, 4) ==
        "the prompt has 7 tokens where the limit is 4, and only 1 of them may be cut: raise the limit, shorten "
        "the "
        "template, or mark more of it shortenable");
  CHECK(refusal({answer()}, true).find("no token precedes") != std::string::npos);
  CHECK(refusal({field(""), answer()}, true).find("no token precedes") != std::string::npos);
  CHECK(refusal({field("abc"), answer()}, true, 0).empty());
  CHECK(refusal({field("a"), answer(), text(".")}, true).find("after the answer slot") != std::string::npos);
  CHECK(refusal({field("a"), answer("b")}, false).find("masked model") != std::string::npos);
  CHECK(refusal({special("mask"), answer()}, true).find("a <mask> token") != std::string::npos);
  CHECK(refusal({special("<Z>"), answer()}, true).find("a <Z> token") != std::string::npos);
  CHECK(refusal({piece(Piece::Kind::trigger, "xyz"), answer()}, true).find("\"xyz\"") != std::string::npos);
}
