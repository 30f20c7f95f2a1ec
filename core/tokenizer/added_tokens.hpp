/// Words that are one token whatever the model would say: `[MASK]`, `<|im_end|>`, words that a person added.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/aligned_text.hpp"
#include "tokenizer/byte_trie.hpp"
#include "tokenizer/field.hpp"
#include "tokenizer/normalizer.hpp"
#include "tokenizer/pieces.hpp"

namespace cuecard::tokenizer {

struct AddedToken {
  std::string content;
  std::string piece; ///< how it is written and decoded: the content, normalised when `normalized`
  int64_t id = 0;
  bool single_word = false; ///< only where no word character touches it
  bool lstrip = false;      ///< takes the white space in front of it
  bool rstrip = false;      ///< takes the white space behind it
  bool normalized = false;  ///< looked for after normalisation, in its own normalised form
  bool special = false;
};

/// A part of a text: an added token, or text in between (`token` -1).
struct Part {
  Span span;
  int64_t token = -1;
};

class AddedTokens {
public:
  AddedTokens() = default;
  /// Reads the list `added_tokens` of a tokenizer.json. Throws DataError for ids or contents that contradict
  /// each other or `pieces`.
  AddedTokens(const Field& list, const Pieces& pieces, const Normalizer* normalizer);

  enum class Stage { given, normalized };
  /// Cuts `text` at the added tokens that are looked for at this stage. Without `specials`, special tokens are
  /// ordinary characters.
  std::vector<Part> split(std::string_view text, Stage stage, bool specials) const;
  bool any(Stage stage) const { return !(stage == Stage::given ? given_ : normalized_).empty(); }

  const AddedToken* find(int64_t id) const;
  const AddedToken* find(std::string_view content_or_piece) const;
  const std::vector<AddedToken>& all() const { return tokens_; }

private:
  void read(const Field& item, const Pieces& pieces);

  std::vector<AddedToken> tokens_;
  std::unordered_map<int64_t, size_t> by_id_;
  std::unordered_map<std::string, size_t> by_content_; // and by piece
  ByteTrie given_, normalized_;                        // of indices into tokens_
};

} // namespace cuecard::tokenizer
