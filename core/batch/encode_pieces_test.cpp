// Pieces of a prompt against the whole text, with every tokenizer of the golden files.
#include "batch/encode_pieces.hpp"

#include <algorithm>
#include <filesystem>
#include <random>

#include <cuecard/error.hpp>

#include "tokenizer/tokenizer.hpp"

// After LibTorch, whose logging also defines CHECK.
#include "tokenizer/golden.hpp"

using namespace cuecard;

namespace {

const std::vector<std::string> field_names{"a", "b"};

std::vector<EncodedPiece> encoded(const Vocabulary& vocabulary, const std::vector<Piece>& pieces,
                                  SideAttention attention = SideAttention::causal) {
  return encode_pieces(pieces, {vocabulary, attention, false, field_names});
}

std::vector<int64_t> ids_of(const std::vector<EncodedPiece>& pieces) {
  std::vector<int64_t> ids;
  for (const EncodedPiece& piece : pieces)
    for (const PromptToken& token : piece.tokens)
      ids.push_back(token.id);
  return ids;
}

std::string spelled(const Vocabulary& vocabulary, const std::vector<EncodedPiece>& pieces) {
  std::string text;
  for (const int64_t id : ids_of(pieces))
    text += (text.empty() ? "" : " ") + vocabulary.piece(id);
  return text;
}

std::shared_ptr<const Vocabulary> open(const std::string& name) {
  return read_tokenizer_json(golden::folder / (name + ".json"));
}

/// Every tokenizer of the golden files.
std::vector<std::filesystem::path> tokenizers() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(golden::folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".json") && !name.ends_with(".golden.json") && name != "texts.json" &&
        name != "companion_files.json" && !name.starts_with("odd_"))
      files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

/// Random text of words, blanks, punctuation, digits, other scripts and spelled-out special tokens.
class RandomText {
public:
  RandomText(const Vocabulary& vocabulary, uint32_t seed) : random_(seed) {
    for (int64_t id = 0; id < vocabulary.size(); ++id)
      if (vocabulary.is_special(id))
        fragments_.push_back(vocabulary.piece(id));
  }

  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  std::string fragment() { return fragments_[below(fragments_.size())]; }

private:
  std::mt19937 random_;
  std::vector<std::string> fragments_{
      "the",    "film", "a",    "ver", "ment", " ",      "  ",        "\n",      "\t",           ".",
      ",",      "(",    ")",    "'s",  "12",   "7",      "Caf\u00e9", "e\u0301", "\u65e5\u672c", "\U0001f600",
      "\u00a0", "-",    "it's", "<",   ">",    "\u2581", "\xff",      "X"};
};

} // namespace

TEST_CASE("the tokens of a text in pieces are those of the whole text") {
  const auto files = tokenizers();
  REQUIRE(files.size() >= 30);
  const std::size_t each = 100000 / files.size() + 1;
  for (const auto& file : files) {
    CAPTURE(file.filename().string());
    const auto vocabulary = read_tokenizer_json(file);
    RandomText text(*vocabulary, 7);
    for (std::size_t round = 0; round < each; ++round) {
      std::vector<Piece> fields, texts;
      std::string whole;
      for (std::size_t n = 1 + text.below(8); n > 0; --n) {
        const std::string fragment = text.fragment();
        whole += fragment;
        fields.push_back(Piece::field_of(field_names[n % 2], fragment));
        texts.push_back(Piece::text_of(fragment));
      }
      if (ids_of(encoded(*vocabulary, fields)) == golden::ids_of(vocabulary->encode(whole)) &&
          ids_of(encoded(*vocabulary, texts)) == golden::ids_of(vocabulary->encode_with_specials(whole)))
        continue;
      CAPTURE(whole);
      REQUIRE(ids_of(encoded(*vocabulary, fields)) == golden::ids_of(vocabulary->encode(whole)));
      REQUIRE(ids_of(encoded(*vocabulary, texts)) == golden::ids_of(vocabulary->encode_with_specials(whole)));
    }
  }
}

TEST_CASE("tokens of fields know their bytes, and data never becomes a special token") {
  for (const auto& file : tokenizers()) {
    CAPTURE(file.filename().string());
    const auto vocabulary = read_tokenizer_json(file);
    const std::optional<int64_t> unknown = vocabulary->special().unk;
    RandomText text(*vocabulary, 11);
    for (int round = 0; round < 200; ++round) {
      const std::string before = "x ", first = text.fragment() + text.fragment(),
                        between = text.below(2) ? " " : ".", second = text.fragment();
      Piece shortenable = Piece::field_of("a", first);
      shortenable.shortenable = true;
      const std::vector<EncodedPiece> pieces =
          encoded(*vocabulary,
                  {Piece::text_of(before), shortenable, Piece::text_of(between), Piece::field_of("b", second)});
      int64_t last = 0;
      for (const EncodedPiece& piece : pieces)
        for (const PromptToken& token : piece.tokens) {
          if (vocabulary->is_special(token.id) && token.id != unknown)
            FAIL("a special token from \"" << first << "\" or \"" << second << "\"");
          const std::string& field = token.origin.field == 0 ? first : second;
          if (token.origin.field < 0)
            continue;
          REQUIRE(token.origin.begin <= token.origin.end);
          REQUIRE(token.origin.end <= std::ssize(field));
          REQUIRE(token.origin.field >= last);
          last = token.origin.field;
        }
    }
  }
}

TEST_CASE("Llama 2's mark is put before the text alone") {
  const auto vocabulary = open("llama2");
  CHECK(spelled(*vocabulary, encoded(*vocabulary, {Piece::field_of("a", "ver ment"), Piece::text_of(" it is"),
                                                   Piece::answer_slot(0)})) ==
        "\u2581ver \u2581ment \u2581i t \u2581is");
  const auto answered =
      encoded(*vocabulary, {Piece::text_of("it is"), Piece::answer_slot(0, "ment"), Piece::text_of(" it")});
  CHECK(spelled(*vocabulary, {answered[1]}) == "ment");
  CHECK(spelled(*vocabulary, {answered[2]}) == "\u2581i t");
  for (const char* word : {"ver", "ment"})
    CHECK(golden::ids_of(vocabulary->encode_continuation(word)) == std::vector<int64_t>{*vocabulary->id(word)});
  CHECK(golden::ids_of(vocabulary->encode_continuation(" ver")) ==
        std::vector<int64_t>{*vocabulary->id("\u2581ver")});
}

TEST_CASE("a token of several pieces belongs to the one that may not be shortened") {
  const auto vocabulary = open("llama2"); // "ver" and "ment" are tokens, their letters too
  Piece field = Piece::field_of("a", "ve");
  field.shortenable = true;
  const auto pieces = encoded(*vocabulary, {field, Piece::text_of("r")});
  REQUIRE(spelled(*vocabulary, pieces) == "\u2581ver");
  CHECK(pieces[0].tokens.empty());
  REQUIRE(pieces[1].tokens.size() == 1);
  CHECK(pieces[1].tokens[0].origin.field == 0);
  CHECK(pieces[1].tokens[0].origin.begin == 0);
  CHECK(pieces[1].tokens[0].origin.end == 2);
}

TEST_CASE("after a special token the tokens are those of the whole, too") {
  for (const char* name : {"t5", "llama2", "words-metaspace-always"}) {
    CAPTURE(name);
    const auto vocabulary = open(name);
    int64_t special = 0;
    while (special < vocabulary->size() && !vocabulary->is_special(special))
      ++special;
    if (special == vocabulary->size())
      continue;
    const std::string marker = vocabulary->piece(special);
    const auto pieces = encoded(
        *vocabulary, {Piece::text_of("it"), Piece::special_token(marker), Piece::field_of("a", "is it")});
    CHECK(ids_of(pieces) == golden::ids_of(vocabulary->encode_with_specials("it" + marker + "is it")));
  }
}
