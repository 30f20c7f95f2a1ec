#include "tokenizer/grapheme.hpp"

#include <unicode/uchar.h>

#include "tokenizer/unicode.hpp"

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
bool joins_hangul(int before, int behind) {
  if (before == U_GCB_L)
    return behind == U_GCB_L || behind == U_GCB_V || behind == U_GCB_LV || behind == U_GCB_LVT;
  if (before == U_GCB_LV || before == U_GCB_V)
    return behind == U_GCB_V || behind == U_GCB_T;
  return (before == U_GCB_LVT || before == U_GCB_T) && behind == U_GCB_T;
}

} // namespace

size_t grapheme_end(std::string_view text, size_t at) {
  const auto ascii = [&](size_t place) { return static_cast<unsigned char>(text[place]) < 0x80; };
  if (ascii(at) && (at + 1 == text.size() || (ascii(at + 1) && text[at] != '\r')))
    return at + 1;

  const char32_t first = next_char(text, at);
  int before = break_property(first);
  bool flag_open = before == U_GCB_REGIONAL_INDICATOR; // half a flag: one more joins it
  bool picture = is_pictograph(first);                 // a pictograph, with extenders behind it
  while (at < text.size()) {
    size_t behind_next = at;
    const char32_t next = next_char(text, behind_next);
    const int behind = break_property(next);
    bool joins = false;
    if (before == U_GCB_CR || is_break_control(before) || is_break_control(behind))
      joins = before == U_GCB_CR && behind == U_GCB_LF;
    else
      joins = joins_hangul(before, behind) || behind == U_GCB_EXTEND || behind == U_GCB_ZWJ ||
              behind == U_GCB_SPACING_MARK || before == U_GCB_PREPEND ||
              (picture && before == U_GCB_ZWJ && is_pictograph(next)) ||
              (flag_open && before == U_GCB_REGIONAL_INDICATOR && behind == U_GCB_REGIONAL_INDICATOR);
    if (!joins)
      break;
    flag_open = behind == U_GCB_REGIONAL_INDICATOR && before != U_GCB_REGIONAL_INDICATOR;
    picture = is_pictograph(next) || (picture && (behind == U_GCB_EXTEND || behind == U_GCB_ZWJ));
    before = behind;
    at = behind_next;
  }
  return at;
}

} // namespace cuecard::tokenizer
