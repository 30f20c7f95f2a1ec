/// A rendered example: pieces in order, before tokenization.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cuecard {

/// One piece of a prompt. Consecutive texts and fields are tokenized as one text; given answers and words by themselves. A token that
/// extends over several pieces belongs to the first that is not shortenable.
struct Piece {
  enum class Kind {
    text,    ///< text of the template
    field,   ///< text of the example: never special tokens, whatever it spells
    answer,  ///< a position that is predicted: the mask token, or the next token of a causal model
    soft,    ///< one virtual token with a trained embedding
    trigger, ///< one discrete token that a search chooses
    special, ///< one special token, by marker (mask eos bos sep cls pad) or as the vocabulary spells it
  };
  Kind kind = Kind::text;
  /// UTF-8. The text to encode, for `text` and `field` (with its leading space, if the template has one); the marker or spelling, for
  /// `special`; the given answer, for `answer` (teacher forcing, demonstrations), or "".
  std::string text;
  /// Name of the example's field, for `field`.
  std::string field;
  /// Number of the answer, soft or trigger slot, from 0 within its kind. Soft pieces with one number share one embedding.
  int64_t slot = 0;
  /// Index of the word in a field of words; -1 elsewhere.
  int64_t word = -1;
  /// Segment id (token type): 0 to BackboneShape::segments - 1, or any number from 0 where the model ignores it.
  int64_t segment = 0;
  /// Truncation may remove tokens of this piece.
  bool shortenable = false;
  /// Bytes at the beginning of `text` that are not the field's own (the leading space).
  int32_t lead = 0;
  /// For `soft`: the first layer that sees this token (Liu et al. 2022, "Late Prompt Tuning", and its published code), counted from 0 and
  /// below the model's number of layers; 0: it is part of the input. Late soft tokens must come first in Prompt::prepended, all with the
  /// same layer, and take up no positions: each has the position of the token after them, which is 0 unless a prefix counts as positions
  /// (Prefix::positions), also for rotary positions.
  int64_t first_layer = 0;

  /// Text of the template. Special tokens that it spells out become those tokens.
  static Piece text_of(std::string words) { return of(Kind::text, std::move(words)); }
  /// The text `words` of the example's field `name`.
  static Piece field_of(std::string name, std::string words) {
    Piece piece = of(Kind::field, std::move(words));
    piece.field = std::move(name);
    return piece;
  }
  /// An answer slot, numbered from 0 in order of appearance. `given`: see `text`.
  static Piece answer_slot(int64_t slot, std::string given = {}) {
    return of(Kind::answer, std::move(given), slot);
  }
  /// A soft slot of the template (0 to the size of Template::soft_slots - 1) or, in Tuner::edit, one of the tuner's own, from there on.
  static Piece soft_slot(int64_t slot) { return of(Kind::soft, {}, slot); }
  /// A trigger slot of the template: 0 to the size of Template::triggers - 1.
  static Piece trigger_slot(int64_t slot) { return of(Kind::trigger, {}, slot); }
  /// One token of the vocabulary by name. The names `mask`, `eos`, `bos`, `sep`, `cls` and `pad` stand for the model's token of that role
  /// (SpecialTokens); any other is looked up as the vocabulary spells it (Vocabulary::id), such as `<extra_id_0>`. That includes ordinary
  /// tokens: `Ġgreat` is that one token, and no text is tokenized. A name that the vocabulary does not have, or a role that the model has
  /// no token for, is a DataError when the prompt is tokenized; if Tuner::edit placed it, a failure of the plugin.
  static Piece special_token(std::string marker) { return of(Kind::special, std::move(marker)); }

private:
  static Piece of(Kind kind, std::string text, int64_t slot = 0) {
    Piece piece;
    piece.kind = kind;
    piece.text = std::move(text);
    piece.slot = slot;
    return piece;
  }
};

/// The model's input for one example, or for one of its alternatives.
struct Prompt {
  /// Precedes everything, the model's own leading special tokens included.
  std::vector<Piece> prepended;
  /// Pieces of the input side, between the model's leading and trailing special tokens.
  std::vector<Piece> input;
  /// Pieces of the output side of an encoder-decoder, after its first token (BackboneShape::decoder_start); empty elsewhere.
  std::vector<Piece> output;
  /// Which of the example's alternatives this is (multiple choice, windows of a long text), numbered from 0 and below the number of the
  /// example's prompts; 0 when there is only one. The verbalizer compares choices.
  int64_t choice = 0;
  /// Which member of an ensemble this is, 0 to 2147483647: the engine averages the scores of an example's variants. No two prompts of an
  /// example have the same choice and variant.
  int64_t variant = 0;
};

/// Which tokens' hidden states a verbalizer uses. Templates lay out prompts accordingly; the engine finds the tokens.
struct OutputPositions {
  enum class Kind {
    answer_slots, ///< the answer slots
    sequence,     ///< one per sequence: `[CLS]` of an encoder, the last token of a causal model or of a decoder
    first_token,  ///< the very first token, a soft token included: what PEFT's prompt-tuned classifiers pool
    words,        ///< the first token of each word of `field`
    tokens,       ///< every token of `field`; of all fields when it is ""
  };
  Kind kind = Kind::answer_slots;
  std::string field;
  /// For `words` and `tokens`: the token of `sequence` as well, in token order. Its TokenOrigin has no field.
  bool with_sequence = false;
};

} // namespace cuecard
