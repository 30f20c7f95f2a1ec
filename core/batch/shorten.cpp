#include "batch/shorten.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cuecard {

namespace {

constexpr std::pair<Truncate, const char*> names[] = {{Truncate::tail, "tail"},
                                                      {Truncate::head, "head"},
                                                      {Truncate::balanced, "balanced"},
                                                      {Truncate::windows, "windows"}};

int64_t cut_end(EncodedPiece& encoded, int64_t wanted) {
  const int64_t cut = std::min(wanted, static_cast<int64_t>(encoded.tokens.size()));
  encoded.tokens.erase(encoded.tokens.end() - cut, encoded.tokens.end());
  return cut;
}

int64_t cut_beginning(EncodedPiece& encoded, int64_t wanted) {
  const int64_t cut = std::min(wanted, static_cast<int64_t>(encoded.tokens.size()));
  encoded.tokens.erase(encoded.tokens.begin(), encoded.tokens.begin() + cut);
  return cut;
}

bool of_field(const EncodedPiece& encoded, int64_t field) {
  return encoded.shortenable && !encoded.tokens.empty() && encoded.tokens[0].origin.field == field;
}

/// Keeps tokens `begin` to `end` of the field, counted over all its pieces.
std::vector<EncodedPiece> window(std::vector<EncodedPiece> encoded_pieces, int64_t field, int64_t begin,
                                 int64_t end) {
  int64_t first = 0;
  for (EncodedPiece& encoded : encoded_pieces) {
    if (!of_field(encoded, field))
      continue;
    const int64_t size = std::ssize(encoded.tokens);
    cut_end(encoded, std::clamp<int64_t>(first + size - end, 0, size));
    cut_beginning(encoded, std::clamp<int64_t>(begin - first, 0, size));
    first += size;
  }
  return encoded_pieces;
}

} // namespace

std::string name_of(Truncate truncate) {
  return std::ranges::find(names, truncate, &std::pair<Truncate, const char*>::first)->second;
}

std::optional<Truncate> truncate_of_name(std::string_view name) {
  for (const auto& [truncate, its_name] : names)
    if (name == its_name)
      return truncate;
  return std::nullopt;
}

int64_t count_tokens(const std::vector<EncodedPiece>& encoded_pieces) {
  int64_t count = 0;
  for (const EncodedPiece& encoded : encoded_pieces)
    count += std::ssize(encoded.tokens);
  return count;
}

int64_t count_shortenable_tokens(const std::vector<EncodedPiece>& encoded_pieces) {
  int64_t count = 0;
  for (const EncodedPiece& encoded : encoded_pieces)
    if (encoded.shortenable)
      count += std::ssize(encoded.tokens);
  return count;
}

CutTokens cut_tokens(const std::vector<EncodedPiece>& whole, const std::vector<EncodedPiece>& shortened,
                     const std::vector<std::string>& fields) {
  CutTokens cut;
  const auto count = [&](const std::vector<EncodedPiece>& encoded_pieces, int64_t sign) {
    for (const EncodedPiece& encoded : encoded_pieces)
      for (const PromptToken& token : encoded.tokens)
        cut.by_field[token.origin.field < 0 ? "" : fields.at(static_cast<std::size_t>(token.origin.field))] +=
            sign;
  };
  count(whole, 1);
  count(shortened, -1);
  std::erase_if(cut.by_field, [](const auto& field) { return field.second == 0; });
  return cut;
}

void shorten(std::vector<EncodedPiece>& encoded_pieces, int64_t excess, Truncate truncate) {
  int64_t left = excess;
  if (truncate == Truncate::tail) {
    for (auto encoded = encoded_pieces.rbegin(); encoded != encoded_pieces.rend() && left > 0; ++encoded)
      if (encoded->shortenable)
        left -= cut_end(*encoded, left);
  } else if (truncate == Truncate::head) {
    for (auto encoded = encoded_pieces.begin(); encoded != encoded_pieces.end() && left > 0; ++encoded)
      if (encoded->shortenable)
        left -= cut_beginning(*encoded, left);
  } else {
    const double total = static_cast<double>(count_shortenable_tokens(encoded_pieces));
    for (EncodedPiece& encoded : encoded_pieces) {
      if (!encoded.shortenable)
        continue;
      const double share =
          std::ceil(static_cast<double>(encoded.tokens.size()) / total * static_cast<double>(excess));
      left -= cut_end(encoded, std::min(static_cast<int64_t>(share), left));
    }
  }
}

std::vector<std::vector<EncodedPiece>> windows(const std::vector<EncodedPiece>& encoded_pieces, int64_t excess,
                                               int64_t field) {
  std::vector<int32_t> words; // of each token of the field
  for (const EncodedPiece& encoded : encoded_pieces)
    if (of_field(encoded, field))
      for (const PromptToken& token : encoded.tokens)
        words.push_back(token.origin.word);
  const int64_t tokens = std::ssize(words), size = tokens - excess;
  if (size <= 0)
    return {};
  const auto inside_word = [&](int64_t token) {
    const auto at = static_cast<std::size_t>(token);
    return token > 0 && words[at] >= 0 && words[at] == words[at - 1];
  };
  std::vector<std::vector<EncodedPiece>> result;
  for (int64_t begin = 0;;) {
    const int64_t end = std::min(begin + size, tokens);
    result.push_back(window(encoded_pieces, field, begin, end));
    if (end == tokens)
      return result;
    const int64_t wanted = std::min(begin + std::max<int64_t>(1, size / 2), tokens - size);
    int64_t next = wanted;
    while (next > begin && inside_word(next))
      --next;
    for (next = next > begin ? next : wanted; next < tokens && inside_word(next);)
      ++next;
    if (next == tokens)
      return result;
    begin = next;
  }
}

} // namespace cuecard
