#include <algorithm>

#include "tokenizer/models/byte_trie.hpp"
#include "tokenizer/models/model.hpp"
#include "tokenizer/models/unknown_token.hpp"

namespace cuecard::tokenizer {
namespace {

class WordPiece final : public Model {
public:
  WordPiece(const Field& settings, const Pieces& pieces)
      : max_input_chars_(settings.integer("max_input_chars_per_word", 100, 0, INT64_MAX)),
        unknown_(settings, settings.string("unk_token", "[UNK]"), pieces) {
    pieces.for_each([&](const std::string& piece, int32_t id) { trie_.add(piece, id); });
    continuation_node_ = trie_.node(settings.string("continuing_subword_prefix", "##"));
  }

  void tokenize(std::string_view word, std::vector<Subword>& to) const override {
    const size_t before = to.size();
    const auto size = static_cast<uint32_t>(word.size());
    bool known = character_count(word) <= max_input_chars_;
    for (uint32_t at = 0; known && at < size;) {
      const ByteTrie::Match found =
          at == 0                  ? trie_.longest(word, 0)
          : continuation_node_ < 0 ? ByteTrie::Match{}
                                   : trie_.longest_from(static_cast<uint32_t>(continuation_node_), word, at);
      known = found.length > 0;
      to.push_back({found.value, at, at + found.length});
      at += found.length;
    }
    if (!known) {
      to.resize(before);
      to.push_back({unknown_.id(word), 0, size});
    }
  }

  std::string name() const override { return "WordPiece"; }

private:
  static int64_t character_count(std::string_view word) {
    return std::count_if(word.begin(), word.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
  }

  int64_t max_input_chars_;
  UnknownToken unknown_;
  ByteTrie trie_;
  int64_t continuation_node_ = -1; // trie node of the prefix "##"; -1 if no piece has it
};

} // namespace

std::unique_ptr<const Model> make_wordpiece(const Field& settings, const Pieces& pieces) {
  return std::make_unique<WordPiece>(settings, pieces);
}

} // namespace cuecard::tokenizer
