#include "tokenizer/pipeline.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard::tokenizer {

Pipeline::Pipeline(Steps steps) : steps_(std::move(steps)), size_(steps_.pieces->size()) {
  for (const AddedToken& token : steps_.added.all())
    size_ = std::max(size_, token.id + 1);
}

std::vector<Token> Pipeline::encode(std::string_view text) const {
  return run(text, {});
}

std::vector<Token> Pipeline::encode_with_specials(std::string_view text) const {
  SpecialSpans all;
  all.add({0, static_cast<uint32_t>(text.size())});
  return run(text, all);
}

namespace {

/// Precede a text that continues another. One of them ends in a token of its own before almost any text, so that the rest are the
/// tokens of the text in the middle of a sequence.
constexpr std::string_view preceding_texts[] = {".", "a", "0", "\n"};

/// Removes what precedes byte `begin`.
std::vector<Token> tokens_from(uint32_t begin, std::vector<Token> tokens) {
  std::erase_if(tokens, [&](const Token& token) { return token.end <= begin && token.begin < begin; });
  for (Token& token : tokens) {
    token.begin = std::max(token.begin, begin) - begin;
    token.end = std::max(token.end, begin) - begin;
  }
  return tokens;
}

} // namespace

std::vector<Token> Pipeline::encode_parts(std::span<const TextPart> parts, TextContext context) const {
  std::string text;
  SpecialSpans specials;
  const auto append = [&](std::string_view preceding) {
    text = preceding;
    specials = {};
    for (const TextPart& part : parts) {
      const auto begin = static_cast<uint32_t>(text.size());
      text += part.text;
      if (part.specials)
        specials.add({begin, static_cast<uint32_t>(text.size())});
    }
  };
  if (context == TextContext::text)
    for (const std::string_view preceding : preceding_texts) {
      append(preceding);
      const auto begin = static_cast<uint32_t>(preceding.size());
      std::vector<Token> tokens = run(text, specials);
      if (std::ranges::none_of(tokens,
                               [&](const Token& token) { return token.begin < begin && token.end > begin; }))
        return tokens_from(begin, std::move(tokens));
    }
  const bool starts = context == TextContext::none;
  append(starts ? "" : ".");
  const auto begin = static_cast<uint32_t>(starts ? 0 : 1);
  return tokens_from(begin, run(text, specials, begin));
}

// Added tokens are matched twice: some in the original text, the others in the normalised rest.
std::vector<Token> Pipeline::run(std::string_view text, const SpecialSpans& specials, uint32_t begin) const {
  std::vector<Token> tokens;
  WordCaches::Lease cache(caches_);
  AlignedText original = read_utf8(text);
  if (begin > 0)
    original = original.part({begin, original.size()});
  if (!steps_.added.any(AddedTokens::Stage::original)) {
    encode_between(std::move(original), specials, *cache, tokens);
  } else {
    for (const Part& part : steps_.added.split(original, AddedTokens::Stage::original, specials)) {
      if (part.token < 0) {
        encode_between(original.part(part.span), specials, *cache, tokens);
      } else {
        const Span origin = original.origin(part.span);
        tokens.push_back({part.token, origin.begin, origin.end});
      }
    }
  }
  if (steps_.post_processor.trim_offsets)
    trim_offsets(text, tokens);
  return tokens;
}

void Pipeline::encode_between(AlignedText text, const SpecialSpans& specials, WordCache& cache,
                              std::vector<Token>& to) const {
  if (steps_.normalizer)
    steps_.normalizer->apply(text);
  if (!steps_.added.any(AddedTokens::Stage::normalized))
    return encode_plain(std::move(text), cache, to);
  for (const Part& part : steps_.added.split(text, AddedTokens::Stage::normalized, specials)) {
    if (part.token < 0) {
      encode_plain(text.part(part.span), cache, to);
    } else {
      const Span origin = text.origin(part.span);
      to.push_back({part.token, origin.begin, origin.end});
    }
  }
}

void Pipeline::encode_plain(AlignedText text, WordCache& cache, std::vector<Token>& to) const {
  if (text.text().empty())
    return;
  Words words;
  words.spans.push_back({0, text.size()});
  words.text = std::move(text);
  if (steps_.pre_tokenizer)
    steps_.pre_tokenizer->apply(words);
  for (const Span word : words.spans) {
    for (const Subword& piece : cache.pieces(slice(words.text.text(), word), *steps_.model)) {
      const Span origin = words.text.origin({word.begin + piece.begin, word.begin + piece.end});
      to.push_back({piece.id, origin.begin, origin.end});
    }
  }
}

void Pipeline::trim_offsets(std::string_view original, std::vector<Token>& tokens) const {
  for (Token& token : tokens) {
    while (token.begin < token.end && original[token.begin] == ' ')
      ++token.begin;
    while (token.begin < token.end && original[token.end - 1] == ' ')
      --token.end;
  }
}

std::string Pipeline::decode(std::span<const int64_t> ids, bool skip_special) const {
  std::vector<std::string> pieces;
  for (const int64_t id : ids)
    if (const std::string* piece = find_piece(id); piece && !(skip_special && is_special(id)))
      pieces.push_back(*piece);
  if (steps_.decoder)
    steps_.decoder->apply(pieces);
  std::string text;
  for (const std::string& piece : pieces) {
    if (!steps_.decoder && &piece != &pieces.front())
      text += ' ';
    text += piece;
  }
  return text;
}

std::string Pipeline::piece(int64_t id) const {
  if (const std::string* piece = find_piece(id))
    return *piece;
  throw DataError("token id " + std::to_string(id) + " is not in the vocabulary, whose ids range from 0 to " +
                  std::to_string(size_ - 1) + ".");
}

std::optional<int64_t> Pipeline::id(std::string_view piece) const {
  if (const AddedToken* token = steps_.added.find(piece))
    return token->id;
  if (const auto id = steps_.pieces->id(piece))
    return *id;
  return std::nullopt;
}

bool Pipeline::is_special(int64_t id) const {
  const AddedToken* token = steps_.added.find(id);
  return token && token->special;
}

const std::string* Pipeline::find_piece(int64_t id) const {
  if (const AddedToken* token = steps_.added.find(id))
    return &token->piece;
  return steps_.pieces->piece(id);
}

} // namespace cuecard::tokenizer
