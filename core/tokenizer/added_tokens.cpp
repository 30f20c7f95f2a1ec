#include "tokenizer/added_tokens.hpp"

#include <algorithm>

#include "tokenizer/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

bool touches_word(std::string_view text, uint32_t begin, uint32_t end) {
  if (begin > 0 && is_word(char_before(text, begin)))
    return true;
  size_t at = end;
  return end < text.size() && is_word(next_char(text, at));
}

uint32_t space_begin(std::string_view text, uint32_t end) {
  while (end > 0) {
    const char32_t before = char_before(text, end);
    if (!is_space(before))
      break;
    do
      --end;
    while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  }
  return end;
}

uint32_t space_end(std::string_view text, uint32_t begin) {
  for (size_t at = begin; at < text.size() && is_space(next_char(text, at));)
    begin = static_cast<uint32_t>(at);
  return begin;
}

} // namespace

void SpecialSpans::add(Span span) {
  if (!spans_.empty() && spans_.back().end == span.begin)
    spans_.back().end = span.end;
  else if (!span.empty())
    spans_.push_back(span);
}

bool SpecialSpans::contain(Span span) const {
  return std::ranges::any_of(spans_, [&](Span own) { return own.begin <= span.begin && span.end <= own.end; });
}

AddedTokens::AddedTokens(const Field& list, const Pieces& pieces, const Normalizer* normalizer) {
  for (const Field& item : list.items())
    read(item, pieces);
  // Special tokens take precedence over others with the same form.
  std::vector<size_t> order;
  for (const bool special : {true, false})
    for (size_t index = 0; index < tokens_.size(); ++index)
      if (tokens_[index].special == special)
        order.push_back(index);
  for (const size_t index : order) {
    AddedToken& token = tokens_[index];
    if (!token.normalized) {
      original_.add(token.content, static_cast<int32_t>(index));
      continue;
    }
    AlignedText content(token.content, 0);
    if (normalizer)
      normalizer->apply(content);
    token.piece = content.text();
    normalized_.add(token.piece, static_cast<int32_t>(index));
    by_content_.emplace(token.piece, index);
  }
}

void AddedTokens::read(const Field& item, const Pieces& pieces) {
  AddedToken token;
  token.content = item.at("content").string();
  if (token.content.empty())
    item.at("content").fail("is empty; an added token needs at least one character.");
  token.special = item.flag("special", false);
  token.normalized = item.flag("normalized", !token.special);
  token.single_word = item.flag("single_word", false);
  token.lstrip = item.flag("lstrip", false);
  token.rstrip = item.flag("rstrip", false);
  const auto max_id = 16 * (static_cast<int64_t>(pieces.count()) + 4096);
  token.id = item.at("id").integer(0, std::min<int64_t>(max_id, INT32_MAX));

  const std::string* piece = pieces.piece(token.id);
  if (piece && *piece != token.content)
    item.at("id").fail("is " + std::to_string(token.id) + " for the added token \"" + token.content +
                       "\", but the vocabulary has that id for \"" + *piece + "\".");
  if (const auto id = pieces.id(token.content); id && *id != token.id)
    item.at("id").fail("is " + std::to_string(token.id) + " for the added token \"" + token.content +
                       "\", but the vocabulary has id " + std::to_string(*id) + " for it.");
  if (const AddedToken* other = find(token.id))
    item.at("id").fail("is " + std::to_string(token.id) + " for the added token \"" + token.content +
                       "\", but the added token \"" + other->content + "\" already has that id.");
  if (find(token.content))
    item.at("content").fail("is \"" + token.content + "\", like an earlier added token.");
  token.piece = token.content;
  by_id_.emplace(token.id, tokens_.size());
  by_content_.emplace(token.content, tokens_.size());
  tokens_.push_back(std::move(token));
}

const AddedToken* AddedTokens::find(int64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const AddedToken* AddedTokens::find(std::string_view content_or_piece) const {
  const auto found = by_content_.find(std::string(content_or_piece));
  return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

std::vector<Part> AddedTokens::split(const AlignedText& aligned, Stage stage,
                                     const SpecialSpans& specials) const {
  const std::string_view text = aligned.text();
  const ByteTrie& trie = stage == Stage::original ? original_ : normalized_;
  const auto size = static_cast<uint32_t>(text.size());
  std::vector<Part> parts;
  uint32_t last_end = 0;
  for (uint32_t at = 0; at < size && !trie.empty();) {
    const ByteTrie::Match found = trie.longest(text, at);
    if (found.length == 0) {
      ++at;
      continue;
    }
    Span span{at, at + found.length};
    at = span.end;
    const AddedToken& token = tokens_[static_cast<size_t>(found.value)];
    if ((token.special && !specials.contain(aligned.origin(span))) ||
        (token.single_word && touches_word(text, span.begin, span.end)))
      continue;
    if (token.lstrip)
      span.begin = std::max(space_begin(text, span.begin), last_end);
    if (token.rstrip)
      span.end = space_end(text, span.end);
    if (last_end < span.begin)
      parts.push_back({{last_end, span.begin}});
    parts.push_back({span, token.id});
    last_end = span.end;
  }
  if (last_end < size)
    parts.push_back({{last_end, size}});
  return parts;
}

} // namespace cuecard::tokenizer
