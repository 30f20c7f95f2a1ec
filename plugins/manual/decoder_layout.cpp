#include "decoder_layout.hpp"

namespace cuecard::manual {

namespace {

std::string sentinel(int64_t slot) {
  return "<extra_id_" + std::to_string(slot) + ">";
}

Piece special(std::string spelled) {
  Piece piece;
  piece.kind = Piece::Kind::special;
  piece.text = std::move(spelled);
  return piece;
}

} // namespace

DecoderLayout decoder_layout(const std::string& written, const Vocabulary& vocabulary) {
  if (written == "sentinels")
    return DecoderLayout::sentinels;
  if (written == "continuation")
    return DecoderLayout::continuation;
  if (written == "mask")
    return DecoderLayout::mask;
  if (written == "plain")
    return DecoderLayout::plain;
  return vocabulary.id(sentinel(0))  ? DecoderLayout::sentinels
         : vocabulary.special().mask ? DecoderLayout::mask
                                     : DecoderLayout::continuation;
}

std::string slot_problem(DecoderLayout layout, const Vocabulary& vocabulary, int64_t slot) {
  if (layout == DecoderLayout::sentinels && !vocabulary.id(sentinel(slot)))
    return "the model's vocabulary has no token " + sentinel(slot) +
           ", which stands for this answer slot: use fewer slots, or the option \"encoder-decoder\" "
           "continuation";
  if (layout == DecoderLayout::mask && !vocabulary.special().mask)
    return "the model's vocabulary has no mask token, so no answer can stand here: use the option "
           "\"encoder-decoder\" continuation";
  if ((layout == DecoderLayout::mask || layout == DecoderLayout::plain) && slot > 0)
    return "this encoder-decoder has no tokens that tell several answers apart: use one answer slot";
  return "";
}

std::optional<Piece> input_piece(DecoderLayout layout, int64_t slot) {
  switch (layout) {
  case DecoderLayout::sentinels:
    return special(sentinel(slot));
  case DecoderLayout::mask:
    return special("mask");
  case DecoderLayout::continuation:
  case DecoderLayout::plain:
    break;
  }
  return std::nullopt;
}

std::vector<Piece> output_pieces(DecoderLayout layout, const Vocabulary& vocabulary, int64_t slots,
                                 const std::vector<std::string>* answers, bool ends) {
  std::vector<Piece> pieces;
  if (layout == DecoderLayout::mask)
    for (const int64_t id : vocabulary.sequence_prefix())
      pieces.push_back(special(vocabulary.piece(id)));
  for (int64_t slot = 0; slot < slots; ++slot) {
    const bool told_apart = layout == DecoderLayout::sentinels || layout == DecoderLayout::continuation;
    if (told_apart && vocabulary.id(sentinel(slot)))
      pieces.push_back(special(sentinel(slot)));
    Piece answer;
    answer.kind = Piece::Kind::answer;
    answer.slot = slot;
    if (answers)
      answer.text = (*answers)[static_cast<std::size_t>(slot)];
    pieces.push_back(std::move(answer));
  }
  if (answers && ends)
    pieces.push_back(special("eos"));
  return pieces;
}

} // namespace cuecard::manual
