/// How the two sides of an encoder-decoder's prompt are laid out: what replaces an answer slot in the encoder's
/// input, and what the decoder receives before each answer. The decoder's start token is added when the prompt
/// is tokenized.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/prompt.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

enum class DecoderLayout {
  sentinels,    ///< T5: slot k is the sentinel <extra_id_k> on both sides (Raffel et al. 2020, section 3.1.4)
  continuation, ///< T5 adapted to language modelling: the text ends at the slot; the decoder receives
                ///< <extra_id_0>, if there is one
  mask,  ///< BART: one slot, a mask token; the decoder receives the token that begins every sequence, `<s>`
  plain, ///< models fine-tuned on text-to-text tasks: the whole text, and the decoder receives nothing
};

/// The layout called `name`; "auto": the one that the vocabulary has tokens for.
DecoderLayout decoder_layout(const std::string& name, const Vocabulary& vocabulary);

/// Why answer slot `slot` is impossible in this layout, or "".
std::string slot_problem(DecoderLayout layout, const Vocabulary& vocabulary, int64_t slot);

/// The piece in the input for answer slot `slot`; none when the text just ends there.
std::optional<Piece> input_piece(DecoderLayout layout, int64_t slot);

/// The decoder's side for `slots` answers, with their texts when they are given, and with the end-of-sequence
/// token after given answers when `with_eos`.
std::vector<Piece> output_pieces(DecoderLayout layout, const Vocabulary& vocabulary, int64_t slots,
                                 const std::vector<std::string>* answers, bool with_eos);

} // namespace cuecard
