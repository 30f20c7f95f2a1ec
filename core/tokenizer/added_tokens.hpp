/// Added tokens, which are matched before the model runs: `[MASK]`, `<|im_end|>`, user-defined words.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/files/field.hpp"
#include "tokenizer/models/byte_trie.hpp"
#include "tokenizer/models/pieces.hpp"
#include "tokenizer/normalizers/normalizer.hpp"
#include "tokenizer/text/aligned_text.hpp"

namespace cuecard::tokenizer {

struct AddedToken {
  std::string content;
  std::string piece; ///< decoded form: the content, normalised if `normalized`
  int64_t id = 0;
  bool single_word = false; ///< matches only between non-word characters
  bool lstrip = false;      ///< includes the whitespace before it
  bool rstrip = false;      ///< includes the whitespace after it
  bool normalized = false;  ///< its normalised form is matched in the normalised text
  bool special = false;
};

/// A part of a text: an added token, or text in between (`token` is -1).
struct Part {
  Span span;
  int64_t token = -1;
};

/// The parts of a text in which special tokens are recognised: spans of the original text, ascending. Spans that touch count as one.
class SpecialSpans {
public:
  void add(Span span);
  bool contain(Span span) const;

private:
  std::vector<Span> spans_;
};

class AddedTokens {
public:
  AddedTokens() = default;
  /// Reads the list `added_tokens` of a tokenizer.json. As in the tokenizers package, ids are not read from it:
  /// a token that is a piece has the piece's id, others follow the vocabulary in their order. `warnings` get a
  /// sentence where the file says something else.
  AddedTokens(const Field& list, const Pieces& pieces, const Normalizer* normalizer,
              std::vector<std::string>& warnings);

  enum class Stage { original, normalized };
  /// Splits `text` at the added tokens of this stage: those matched in the original or in the normalised text.
  /// Special tokens are plain text unless all their characters came from `specials`.
  std::vector<Part> split(const AlignedText& text, Stage stage, const SpecialSpans& specials) const;
  bool any(Stage stage) const { return !(stage == Stage::original ? original_ : normalized_).empty(); }

  const AddedToken* find(int64_t id) const;
  const AddedToken* find(std::string_view content_or_piece) const;
  const std::vector<AddedToken>& all() const { return tokens_; }

private:
  void read(const Field& item, const Pieces& pieces, int64_t& next_id, std::vector<std::string>& warnings);

  std::vector<AddedToken> tokens_;
  std::unordered_map<int64_t, size_t> by_id_;
  std::unordered_map<std::string, size_t> by_content_; // and by piece
  ByteTrie original_, normalized_;                     // of indices into tokens_
};

} // namespace cuecard::tokenizer
