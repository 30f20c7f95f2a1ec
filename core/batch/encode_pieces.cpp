#include "batch/encode_pieces.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include <cuecard/error.hpp>

namespace cuecard {

std::optional<int64_t> special_id(const Vocabulary& vocabulary, std::string_view marker) {
  constexpr auto& roles = SpecialTokens::roles;
  return std::ranges::find(roles, marker) != roles.end() ? vocabulary.special().of_role(marker)
                                                         : vocabulary.id(marker);
}

namespace {

int64_t required_special(const Vocabulary& vocabulary, const std::string& marker) {
  const std::optional<int64_t> id = special_id(vocabulary, marker);
  if (!id)
    throw DataError("the prompt has a " + (marker.front() == '<' ? marker : "<" + marker + ">") +
                    " token, but the model's vocabulary has none: remove it from the "
                    "template or choose a model that has one");
  return *id;
}

int64_t trigger_id(const Vocabulary& vocabulary, const Piece& piece) {
  if (piece.text.empty())
    return 0;
  const std::optional<int64_t> id = vocabulary.id(piece.text);
  if (!id)
    throw DataError("the trigger \"" + piece.text + "\" is not a token of the model's vocabulary");
  return *id;
}

void require_tokens(const Piece& piece, const EncodedPiece& encoded) {
  if (encoded.tokens.empty())
    throw DataError("the answer \"" + piece.text + "\" has no token in the model's vocabulary");
}

/// Whether the piece is tokenized together with its neighbours.
bool joins(const Piece& piece) {
  return piece.kind == Piece::Kind::text || (piece.kind == Piece::Kind::field && piece.word < 0);
}

class PieceEncoder {
public:
  explicit PieceEncoder(const PieceEncoding& encoding)
      : encoding_(encoding), vocabulary_(encoding.vocabulary) {}

  std::vector<EncodedPiece> encode(const std::vector<Piece>& pieces) {
    result_.reserve(pieces.size());
    for (auto piece = pieces.begin(); piece != pieces.end();) {
      const auto end = joins(*piece) ? std::find_if_not(piece, pieces.end(), joins) : piece + 1;
      if (joins(*piece) || piece->kind == Piece::Kind::field)
        encode_text({piece, end});
      else
        encode_single(*piece);
      piece = end;
    }
    return std::move(result_);
  }

private:
  PromptToken token_of(const Piece& piece, int64_t id) const {
    PromptToken token;
    token.id = id;
    token.segment = piece.segment;
    return token;
  }

  /// `token` comes from bytes `begin` to `end` of `piece`.
  void set_origin(PromptToken& token, const Piece& piece, int64_t begin, int64_t end) const {
    const auto field = std::ranges::find(encoding_.fields, piece.field);
    token.origin.field =
        field == encoding_.fields.end() ? -1 : static_cast<int32_t>(field - encoding_.fields.begin());
    token.origin.word = static_cast<int32_t>(piece.word);
    token.origin.begin = std::max<int64_t>(0, begin - piece.lead);
    token.origin.end = std::max<int64_t>(0, end - piece.lead);
  }

  /// Consecutive texts and fields, as one text.
  void encode_text(std::span<const Piece> pieces) {
    std::vector<TextPart> parts;
    std::vector<int64_t> offsets{0};
    for (const Piece& piece : pieces) {
      parts.push_back({piece.text, piece.kind == Piece::Kind::text});
      offsets.push_back(offsets.back() + std::ssize(piece.text));
      result_.emplace_back().shortenable = piece.shortenable;
    }
    EncodedPiece* const encoded = &result_[result_.size() - pieces.size()];
    std::size_t first = 0; // piece that the token begins in
    for (const Token& token : vocabulary_.encode_parts(parts, context_)) {
      while (first + 1 < pieces.size() && offsets[first + 1] <= int64_t{token.begin})
        ++first;
      std::size_t last = first; // piece that it ends in
      while (last + 1 < pieces.size() && offsets[last + 1] < int64_t{token.end})
        ++last;
      const auto shared = pieces.subspan(first, last - first + 1);
      const auto kept = std::ranges::find(shared, false, &Piece::shortenable);
      const std::size_t owner =
          first + (kept == shared.end() ? 0 : static_cast<std::size_t>(kept - shared.begin()));
      PromptToken& added = encoded[owner].tokens.emplace_back(token_of(pieces[owner], token.id));
      const auto field = std::ranges::find(shared, Piece::Kind::field, &Piece::kind);
      if (field != shared.end()) {
        const int64_t start = offsets[first + static_cast<std::size_t>(field - shared.begin())];
        set_origin(added, *field, std::max<int64_t>(token.begin, start) - start,
                   std::min<int64_t>(token.end, start + std::ssize(field->text)) - start);
      }
    }
    if (offsets.back() > 0)
      context_ = TextContext::text;
  }

  void encode_single(const Piece& piece) {
    const bool after_given_answer = !result_.empty() && result_.back().given;
    EncodedPiece& encoded = result_.emplace_back();
    encoded.shortenable = piece.shortenable;
    switch (piece.kind) {
    case Piece::Kind::special:
      encoded.tokens.push_back(token_of(piece, required_special(vocabulary_, piece.text)));
      // A special token right after a given answer ends the answer, so it is a target too.
      encoded.answer = encoded.given = after_given_answer;
      context_ = TextContext::special;
      break;
    case Piece::Kind::soft:
      // Any valid id will do: the tuner's vector replaces the embedding.
      encoded.tokens.push_back(token_of(piece, 0));
      encoded.tokens.back().soft_slot = piece.slot;
      encoded.tokens.back().first_layer = piece.first_layer;
      if (context_ == TextContext::text)
        context_ = TextContext::special;
      break;
    case Piece::Kind::trigger:
      encoded.tokens.push_back(token_of(piece, trigger_id(vocabulary_, piece)));
      encoded.tokens.back().trigger_slot = piece.slot;
      context_ = TextContext::special;
      break;
    default:
      encode_answer(piece, encoded);
      break;
    }
  }

  void encode_answer(const Piece& piece, EncodedPiece& encoded) {
    encoded.answer = true;
    encoded.shortenable = false;
    encoded.given = !piece.text.empty();
    const bool masked = encoding_.attention == SideAttention::full;
    if (masked && !encoded.given) {
      encoded.tokens.push_back(token_of(piece, required_special(vocabulary_, "mask")));
      context_ = TextContext::special;
    }
    if (!encoded.given)
      return;
    // As in OpenPrompt, a masked model does not see the answer that it must predict.
    if (masked && !encoding_.masked_targets)
      throw DataError("the answer \"" + piece.text +
                      "\" is given, but a masked model can't be trained on answers "
                      "that are in its input: omit the answer, or use a causal model");
    const TextPart text{piece.text};
    for (const Token& token : vocabulary_.encode_parts({&text, 1}, context_)) {
      encoded.tokens.push_back(token_of(piece, token.id));
      set_origin(encoded.tokens.back(), piece, token.begin, token.end);
    }
    require_tokens(piece, encoded);
    context_ = TextContext::text;
    if (!masked)
      return;
    const int64_t mask = required_special(vocabulary_, "mask");
    for (PromptToken& each : encoded.tokens) {
      encoded.targets.push_back(each.id);
      each.id = mask;
    }
    context_ = TextContext::special;
  }

  const PieceEncoding& encoding_;
  const Vocabulary& vocabulary_;
  TextContext context_ = TextContext::none;
  std::vector<EncodedPiece> result_;
};

} // namespace

std::vector<EncodedPiece> encode_pieces(const std::vector<Piece>& pieces, const PieceEncoding& encoding) {
  return PieceEncoder(encoding).encode(pieces);
}

} // namespace cuecard
