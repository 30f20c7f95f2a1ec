#include "tokenizer/added_tokens.hpp"

#include <algorithm>

#include "tokenizer/text/unicode.hpp"

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

AddedTokens::AddedTokens(const Field& list, const Pieces& pieces, const Normalizer* normalizer,
                         std::vector<std::string>& warnings) {
  auto next_id = static_cast<int64_t>(pieces.count());
  for (const Field& item : list.items())
    read(item, pieces, next_id, warnings);
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

void AddedTokens::read(const Field& item, const Pieces& pieces, int64_t& next_id,
                       std::vector<std::string>& warnings) {
  AddedToken token;
  token.content = item.at("content").string();
  if (token.content.empty())
    return;
  const AddedToken* earlier = find(token.content);
  token.special = item.flag("special", false);
  token.normalized = item.flag("normalized", !token.special);
  token.special = token.special || (earlier && earlier->special);
  token.single_word = item.flag("single_word", false);
  token.lstrip = item.flag("lstrip", false);
  token.rstrip = item.flag("rstrip", false);
  const auto id = pieces.id(token.content);
  token.id = earlier ? earlier->id : id ? *id : next_id++;
  const int64_t written = item.integer("id", token.id, 0, UINT32_MAX);
  if (written != token.id)
    warnings.push_back(item.at("id").sentence(
        "is " + std::to_string(written) + ", but \"" + token.content + "\" has id " + std::to_string(token.id) +
        (id ? " in the vocabulary" : ", the next one after the vocabulary and the added tokens before it") +
        ", which the tokenizers package and Cuecard use; check that the model was trained with it."));
  token.piece = token.content;
  // A token that is there already, and one that shares a piece's id, take the earlier one's place.
  const auto [found, is_new] = by_id_.emplace(token.id, tokens_.size());
  by_content_[token.content] = found->second;
  if (is_new)
    tokens_.push_back(std::move(token));
  else
    tokens_[found->second] = std::move(token);
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
