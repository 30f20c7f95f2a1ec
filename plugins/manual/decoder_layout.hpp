/// How an encoder-decoder is asked for the answers (openprompt-surface 1.4): what stands in the encoder's input
/// in place of an answer slot, and what the decoder is given in front of each answer. The decoder's own first
/// token is put there by whoever makes tokens of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/prompt.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard::manual {

enum class DecoderLayout {
  sentinels,    ///< T5: slot k is the sentinel <extra_id_k> on both sides (Raffel et al. 2020, section 3.1.4)
  continuation, ///< T5 adapted to language modelling: the text ends at the slot; <extra_id_0> where there is
                ///< one
  mask,         ///< BART: one slot, a mask token; the decoder is given what begins every sequence, `<s>`
  plain,        ///< fine-tuned text to text: the whole text, and the decoder is given nothing
};

/// The layout that `written` names; "auto": what the vocabulary has tokens for.
DecoderLayout decoder_layout(const std::string& written, const Vocabulary& vocabulary);

/// Why answer slot `slot` can't be laid out, or "".
std::string slot_problem(DecoderLayout layout, const Vocabulary& vocabulary, int64_t slot);

/// What stands in the input for answer slot `slot`; nothing when the text just ends there.
std::optional<Piece> input_piece(DecoderLayout layout, int64_t slot);

/// The decoder's side for `slots` answers, with their texts when they are given, and then with their end when
/// that shall be learned, too.
std::vector<Piece> output_pieces(DecoderLayout layout, const Vocabulary& vocabulary, int64_t slots,
                                 const std::vector<std::string>* answers, bool ends);

} // namespace cuecard::manual
