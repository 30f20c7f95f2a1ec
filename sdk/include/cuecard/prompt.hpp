/// A rendered example: pieces in order, not yet tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cuecard {

/// One piece of a prompt. Text is encoded piece by piece, so flags of a piece hold for each of its tokens.
struct Piece {
  enum class Kind {
    text,    ///< words of the template
    field,   ///< words of the example: never special tokens, whatever they spell
    answer,  ///< a position that is read: the mask token, or the next-token position of a causal model
    soft,    ///< one learned row
    trigger, ///< one discrete token that a search chooses
    special, ///< one special token, by marker (mask eos bos sep cls pad) or as the vocabulary spells it
  };
  Kind kind = Kind::text;
  /// What is encoded for `text` and `field` (a space in front included where the template has one); the marker
  /// or spelling for `special`; for `answer` the text that stands there when the answer is given (teacher
  /// forcing, demonstrations), else "".
  std::string text;
  /// Name of the example's field, for `field`.
  std::string field;
  /// Number of the answer, soft or trigger slot, from 0 within its kind. Soft pieces of one number share one
  /// learned row.
  int64_t slot = 0;
  /// Index of the word in a field of words; -1 elsewhere.
  int64_t word = -1;
  /// Segment id for models that have segments.
  int64_t segment = 0;
  /// Truncation may take tokens away from this piece.
  bool shortenable = false;
  /// Bytes at the beginning of `text` that are not the field's own (the space in front).
  int32_t lead = 0;
};

struct Prompt {
  /// Stands in front of everything, the model's own leading special tokens included.
  std::vector<Piece> front;
  /// Pieces of the input side, between the model's leading and trailing special tokens.
  std::vector<Piece> input;
  /// Pieces of the output side of an encoder-decoder, behind its first token (BackboneShape::decoder_start);
  /// empty elsewhere.
  std::vector<Piece> output;
  /// Which of the example's alternatives this is (multiple choice, windows of a long text); 0 when there is
  /// one. Choices are compared by the verbalizer.
  int64_t choice = 0;
  /// Which member of an ensemble this is: the engine averages the scores of an example's variants.
  int64_t variant = 0;
};

/// Which rows are read. A verbalizer says it, templates lay out for it, the engine finds the rows.
struct Reading {
  enum class Rows {
    answers,  ///< the answer slots
    sequence, ///< one for the whole: `[CLS]`; the last row of a causal model or of a decoder
    first,    ///< the very first row, a learned one included: what PEFT's prompt-tuned classifiers pool
    words,    ///< the first token of each word of `field`
    tokens,   ///< every token of `field`; of all fields when it is ""
  };
  Rows rows = Rows::answers;
  std::string field;
};

} // namespace cuecard
