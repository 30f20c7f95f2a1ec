#include "tokenizer/text/grapheme.hpp"

#include <unicode/uchar.h>

#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

int break_property(char32_t character) {
  return u_getIntPropertyValue(static_cast<UChar32>(character), UCHAR_GRAPHEME_CLUSTER_BREAK);
}

bool is_pictograph(char32_t character) {
  return u_hasBinaryProperty(static_cast<UChar32>(character), UCHAR_EXTENDED_PICTOGRAPHIC) != 0;
}

bool is_break_control(int property) {
  return property == U_GCB_CONTROL || property == U_GCB_CR || property == U_GCB_LF;
}

/// Hangul syllables: GB6 to GB8.
bool joins_hangul(int before, int after) {
  if (before == U_GCB_L)
    return after == U_GCB_L || after == U_GCB_V || after == U_GCB_LV || after == U_GCB_LVT;
  if (before == U_GCB_LV || before == U_GCB_V)
    return after == U_GCB_V || after == U_GCB_T;
  return (before == U_GCB_LVT || before == U_GCB_T) && after == U_GCB_T;
}

} // namespace

size_t grapheme_end(std::string_view text, size_t at) {
  const auto ascii = [&](size_t position) { return static_cast<unsigned char>(text[position]) < 0x80; };
  if (ascii(at) && (at + 1 == text.size() || (ascii(at + 1) && text[at] != '\r')))
    return at + 1;

  const char32_t first = next_char(text, at);
  int before = break_property(first);
  bool flag_open = before == U_GCB_REGIONAL_INDICATOR; // an odd number of regional indicators
  bool picture = is_pictograph(first);                 // a pictograph, possibly followed by extenders
  while (at < text.size()) {
    size_t next_end = at;
    const char32_t next = next_char(text, next_end);
    const int after = break_property(next);
    bool joins = false;
    if (before == U_GCB_CR || is_break_control(before) || is_break_control(after))
      joins = before == U_GCB_CR && after == U_GCB_LF;
    else
      joins = joins_hangul(before, after) || after == U_GCB_EXTEND || after == U_GCB_ZWJ ||
              after == U_GCB_SPACING_MARK || before == U_GCB_PREPEND ||
              (picture && before == U_GCB_ZWJ && is_pictograph(next)) ||
              (flag_open && before == U_GCB_REGIONAL_INDICATOR && after == U_GCB_REGIONAL_INDICATOR);
    if (!joins)
      break;
    flag_open = after == U_GCB_REGIONAL_INDICATOR && before != U_GCB_REGIONAL_INDICATOR;
    picture = is_pictograph(next) || (picture && (after == U_GCB_EXTEND || after == U_GCB_ZWJ));
    before = after;
    at = next_end;
  }
  return at;
}

} // namespace cuecard::tokenizer
