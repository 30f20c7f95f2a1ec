#include "template/decoder_layout.hpp"

namespace cuecard {

namespace {

std::string sentinel(int64_t slot) {
  return "<extra_id_" + std::to_string(slot) + ">";
}

} // namespace

DecoderLayout decoder_layout(const std::string& name, const Vocabulary& vocabulary) {
  if (name == "sentinels")
    return DecoderLayout::sentinels;
  if (name == "continuation")
    return DecoderLayout::continuation;
  if (name == "mask")
    return DecoderLayout::mask;
  if (name == "plain")
    return DecoderLayout::plain;
  return vocabulary.id(sentinel(0))  ? DecoderLayout::sentinels
         : vocabulary.special().mask ? DecoderLayout::mask
                                     : DecoderLayout::continuation;
}

std::string slot_problem(DecoderLayout layout, const Vocabulary& vocabulary, int64_t slot) {
  if (layout == DecoderLayout::sentinels && !vocabulary.id(sentinel(slot)))
    return "the model's vocabulary has no token " + sentinel(slot) +
           ", which marks this answer slot: use fewer slots, or the option \"encoder-decoder\" "
           "continuation";
  if (layout == DecoderLayout::mask && !vocabulary.special().mask)
    return "the model's vocabulary has no mask token, so no answer is possible here: use the option "
           "\"encoder-decoder\" continuation";
  if ((layout == DecoderLayout::mask || layout == DecoderLayout::plain) && slot > 0)
    return "this encoder-decoder has no tokens to tell several answers apart: use one answer slot";
  return "";
}

std::optional<Piece> input_piece(DecoderLayout layout, int64_t slot) {
  switch (layout) {
  case DecoderLayout::sentinels:
    return Piece::special_token(sentinel(slot));
  case DecoderLayout::mask:
    return Piece::special_token("mask");
  case DecoderLayout::continuation:
  case DecoderLayout::plain:
    break;
  }
  return std::nullopt;
}

std::vector<Piece> output_pieces(DecoderLayout layout, const Vocabulary& vocabulary, int64_t slots,
                                 const std::vector<std::string>* answers, bool with_eos) {
  std::vector<Piece> pieces;
  if (layout == DecoderLayout::mask)
    for (const int64_t id : vocabulary.sequence_prefix())
      pieces.push_back(Piece::special_token(vocabulary.piece(id)));
  for (int64_t slot = 0; slot < slots; ++slot) {
    const bool has_sentinels = layout == DecoderLayout::sentinels || layout == DecoderLayout::continuation;
    if (has_sentinels && vocabulary.id(sentinel(slot)))
      pieces.push_back(Piece::special_token(sentinel(slot)));
    pieces.push_back(Piece::answer_slot(slot, answers ? (*answers)[static_cast<std::size_t>(slot)] : ""));
  }
  if (answers && with_eos)
    pieces.push_back(Piece::special_token("eos"));
  return pieces;
}

} // namespace cuecard
