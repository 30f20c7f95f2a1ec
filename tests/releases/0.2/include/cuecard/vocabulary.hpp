/// The backbone's tokenizer as templates, verbalizers and tuners see it: text to token ids and back.
///
/// The host implements it and passes it to plugins; a test of a plugin can use testing/word_vocabulary.hpp. Threads: all functions are
/// const and may run concurrently. Errors: where a tokenizer has more tokens than the model's embedding table has rows, the functions
/// that encode text and `id` throw a DataError that names a token without a row; `piece` one for an id that is out of range. A
/// tokenizer whose own rules make a text or its decoding too long is a DataError, too. A component lets them pass.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cuecard {

/// One token of an encoded text. `begin` and `end` are byte offsets into that text.
struct Token {
  int64_t id = 0; ///< 0 to Vocabulary::size() - 1
  uint32_t begin = 0;
  uint32_t end = 0;
};

/// Part of a text that is tokenized as a whole.
struct TextPart {
  std::string_view text;
  bool specials =
      false; ///< spelled-out special tokens become those tokens, as in Vocabulary::encode_with_specials
};

/// What precedes a text in its sequence.
enum class TextContext {
  none,    ///< nothing, or virtual tokens only
  special, ///< a special token
  text, ///< text that is already tokenized: the first token must not depend on it, and gets no start-of-text marker
};

/// Ids of the special tokens that a model may have.
struct SpecialTokens {
  /// Empty: the model has none. `bos` and `eos` begin and end a text; `cls` and `sep` are BERT's.
  std::optional<int64_t> bos, eos, unk, sep, pad, cls, mask;

  /// Those that a prompt can name.
  static constexpr std::array<std::string_view, 6> roles{"mask", "eos", "bos", "sep", "cls", "pad"};
  /// The token of one of `roles`; empty for another name.
  std::optional<int64_t> of_role(std::string_view role) const {
    return role == "mask"  ? mask
           : role == "eos" ? eos
           : role == "bos" ? bos
           : role == "sep" ? sep
           : role == "cls" ? cls
           : role == "pad" ? pad
                           : std::nullopt;
  }
};

/// A tokenizer.
class Vocabulary {
public:
  virtual ~Vocabulary() = default;

  /// Token ids of `text`, taken literally: no special tokens are added, and spelled-out special tokens (`[SEP]`, `<|im_end|>`) are
  /// ordinary characters. Invalid UTF-8 is read as U+FFFD.
  virtual std::vector<Token> encode(std::string_view text) const = 0;

  /// As `encode`, but spelled-out special tokens become those tokens. For prompts that a person wrote, never for data.
  virtual std::vector<Token> encode_with_specials(std::string_view text) const = 0;

  /// Tokens of the parts as one text: a token may extend over several parts, and offsets are into their concatenation. A special
  /// token is recognised only if all its characters are in parts with `specials`. The default tokenizes each part by itself, which is
  /// correct for vocabularies whose tokens never depend on their neighbours.
  virtual std::vector<Token> encode_parts(std::span<const TextPart> parts,
                                          [[maybe_unused]] TextContext context) const {
    std::vector<Token> tokens;
    uint32_t offset = 0;
    for (const TextPart& part : parts) {
      for (const Token& token : part.specials ? encode_with_specials(part.text) : encode(part.text))
        tokens.push_back({token.id, token.begin + offset, token.end + offset});
      offset += static_cast<uint32_t>(part.text.size());
    }
    return tokens;
  }

  /// Tokens of `text` after other text, as an answer follows its prompt: `encode_parts` of it alone, in TextContext::text.
  std::vector<Token> encode_continuation(std::string_view text) const {
    const TextPart part{text};
    return encode_parts({&part, 1}, TextContext::text);
  }

  /// Text of `ids`, UTF-8. Special tokens are left out when `skip_special`; ids that the vocabulary does not have always are, so no
  /// id is an error.
  virtual std::string decode(std::span<const int64_t> ids, bool skip_special = true) const = 0;

  /// The token as the vocabulary spells it (`Ġgreat`, `##ing`, `▁the`, `[MASK]`). Throws DataError when `id` is
  /// out of range.
  virtual std::string piece(int64_t id) const = 0;

  /// The id of a piece spelled as above; std::nullopt if the vocabulary has none.
  virtual std::optional<int64_t> id(std::string_view piece) const = 0;

  /// One more than the largest id; the embedding matrix of a model may have more rows.
  virtual int64_t size() const = 0;

  /// The special tokens that the tokenizer's files name. Valid as long as the vocabulary.
  virtual const SpecialTokens& special() const = 0;
  /// Whether the tokenizer's files mark this token as special: more tokens than `special` may be. False for an id that it does not have.
  virtual bool is_special(int64_t id) const = 0;

  /// The tokens that the model's post-processor adds before and after a single sequence: `[CLS]` and `[SEP]` for BERT;
  /// empty for GPT-2. Valid as long as the vocabulary.
  virtual std::span<const int64_t> sequence_prefix() const = 0;
  virtual std::span<const int64_t> sequence_suffix() const = 0;

  /// Name of the tokenization model: "WordPiece", "BPE", "Unigram".
  virtual std::string kind() const = 0;

  /// The chat template of the model's publisher, as text; "" if there is none. It is a program and never run:
  /// parts/template/chat_format.hpp recognises the common ones.
  virtual std::string chat_template() const { return {}; }
};

} // namespace cuecard
