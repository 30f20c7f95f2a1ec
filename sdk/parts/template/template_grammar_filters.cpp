#include <cuecard/parts/template/template_grammar.hpp>

#include <array>
#include <clocale>
#include <cwctype>
#include <stdexcept>

#include "template/template_grammar_body.hpp"

namespace cuecard {

namespace {

struct FilterEntry {
  TextFilter filter;
  const char* name;
  /// Bodies of the equivalent lambdas: argument `s`, no spaces, double quotes (see `lambda_body`).
  std::array<const char*, 2> bodies;
};

constexpr FilterEntry filters[] = {
    {TextFilter::append_full_stop, "append-full-stop", {"s+\".\"", ""}},
    {TextFilter::drop_last_character, "drop-last-character", {"s[:-1]", ""}},
    {TextFilter::lower_first_character, "lower-first-character", {"s[:1].lower()+s[1:]", "s[0].lower()+s[1:]"}},
    {TextFilter::lower_case, "lower-case", {"s.lower()", ""}},
    {TextFilter::upper_case, "upper-case", {"s.upper()", ""}},
    {TextFilter::strip_spaces, "strip-spaces", {"s.strip()", ""}},
    {TextFilter::strip_full_stops, "strip-full-stops", {"s.strip(\".\")", ""}},
    {TextFilter::strip_end_full_stops, "strip-end-full-stops", {"s.rstrip(\".\")", ""}},
    {TextFilter::strip_ideographic_full_stops, "strip-ideographic-full-stops", {"s.strip(\"。\")", ""}},
    {TextFilter::strip_end_ideographic_full_stops,
     "strip-end-ideographic-full-stops",
     {"s.rstrip(\"。\")", ""}},
    {TextFilter::strip_end_punctuation, "strip-end-punctuation", {"s.rstrip(string.punctuation)", ""}},
    {TextFilter::join_with_space, "join-with-space", {"\" \".join(s)", ""}},
    {TextFilter::join_with_comma, "join-with-comma", {"\", \".join(s)", ""}},
    {TextFilter::join_with_bare_comma, "join-with-bare-comma", {"\",\".join(s)", ""}},
    {TextFilter::join_with_line_feed, "join-with-line-feed", {"\"\n\".join(s)", ""}},
    {TextFilter::join_with_blank_line, "join-with-blank-line", {"\"\n\n\".join(s)", ""}},
};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// The body of `lambda NAME: BODY` without spaces, NAME written `s` and texts in double quotes; "" for any
/// other form.
std::string lambda_body(std::string_view written) {
  std::size_t at = 0;
  const auto skip = [&] {
    while (at < written.size() && (written[at] == ' ' || (written[at] >= '\t' && written[at] <= '\r')))
      ++at;
  };
  const auto word = [&] {
    const std::size_t begin = at;
    while (at < written.size() && is_word(written[at]))
      ++at;
    return written.substr(begin, at - begin);
  };
  skip();
  if (word() != "lambda")
    return "";
  skip();
  const std::string_view argument = word();
  skip();
  if (argument.empty() || at >= written.size() || written[at++] != ':')
    return "";
  std::string body;
  for (skip(); at < written.size(); skip()) {
    std::string wrong;
    if (written[at] == '"' || written[at] == '\'') {
      const std::optional<std::string> text = read_python_text(written, at, wrong);
      if (!text)
        return "";
      body += "\"" + *text + "\"";
    } else if (is_word(written[at])) {
      const std::string_view name = word();
      body += name == argument ? std::string_view("s") : name;
    } else {
      body += written[at++];
    }
  }
  return body;
}

std::size_t character_end(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
    ++at;
  return at;
}

std::size_t last_character(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0 && (static_cast<unsigned char>(text[--at]) & 0xC0) == 0x80) {
  }
  return at;
}

/// Code point of a character of one to four bytes, or 0 for invalid UTF-8.
uint32_t code_point(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1)
    return byte(0) < 0x80 ? byte(0) : 0;
  const uint32_t lead_mask = character.size() == 2 ? 0x1F : character.size() == 3 ? 0x0F : 0x07;
  if (character.size() > 4)
    return 0;
  uint32_t code = byte(0) & lead_mask;
  for (std::size_t i = 1; i < character.size(); ++i)
    code = (code << 6) | (byte(i) & 0x3F);
  return code;
}

std::string change_case(std::string_view text, wint_t (*change)(wint_t, locale_t)) {
  // Created once: LC_CTYPE of C.UTF-8 holds Unicode's simple case mappings.
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = character_end(text, at);
    const std::string_view character = text.substr(at, end - at);
    const uint32_t code = code_point(character);
    const uint32_t changed = code == 0 || unicode == nullptr
                                 ? code
                                 : static_cast<uint32_t>(change(static_cast<wint_t>(code), unicode));
    if (changed == code)
      result += character;
    else
      append_utf8(result, changed);
    at = end;
  }
  return result;
}

bool is_python_space(std::string_view character) {
  const uint32_t code = code_point(character);
  return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) || code == 0x85 || code == 0xA0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}
bool is_ascii_punctuation(std::string_view character) {
  return character.size() == 1 && std::ispunct(static_cast<unsigned char>(character[0]));
}
bool is_full_stop(std::string_view character) {
  return character == ".";
}
bool is_ideographic_full_stop(std::string_view character) {
  return character == "。";
}

std::string strip(std::string_view text, bool (*dropped)(std::string_view), bool both_ends) {
  while (!text.empty() && dropped(text.substr(last_character(text))))
    text.remove_suffix(text.size() - last_character(text));
  while (both_ends && !text.empty() && dropped(text.substr(0, character_end(text, 0))))
    text.remove_prefix(character_end(text, 0));
  return std::string(text);
}

} // namespace

const std::vector<std::string>& text_filter_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const FilterEntry& entry : filters)
      list.emplace_back(entry.name);
    return list;
  }();
  return names;
}

std::optional<TextFilter> find_text_filter(std::string_view written) {
  const std::string body = lambda_body(written);
  for (const FilterEntry& entry : filters)
    if (written == entry.name || (!body.empty() && (body == entry.bodies[0] || body == entry.bodies[1])))
      return entry.filter;
  return std::nullopt;
}

bool joins_words(TextFilter filter) {
  return filter >= TextFilter::join_with_space;
}

std::string filter_text(TextFilter filter, std::string_view text) {
  const std::size_t first = text.empty() ? 0 : character_end(text, 0);
  switch (filter) {
  case TextFilter::append_full_stop:
    return std::string(text) + ".";
  case TextFilter::drop_last_character:
    return std::string(text.substr(0, text.empty() ? 0 : last_character(text)));
  case TextFilter::lower_first_character:
    return change_case(text.substr(0, first), &towlower_l) + std::string(text.substr(first));
  case TextFilter::lower_case:
    return change_case(text, &towlower_l);
  case TextFilter::upper_case:
    return change_case(text, &towupper_l);
  case TextFilter::strip_spaces:
    return strip(text, &is_python_space, true);
  case TextFilter::strip_full_stops:
    return strip(text, &is_full_stop, true);
  case TextFilter::strip_end_full_stops:
    return strip(text, &is_full_stop, false);
  case TextFilter::strip_ideographic_full_stops:
    return strip(text, &is_ideographic_full_stop, true);
  case TextFilter::strip_end_ideographic_full_stops:
    return strip(text, &is_ideographic_full_stop, false);
  case TextFilter::strip_end_punctuation:
    return strip(text, &is_ascii_punctuation, false);
  case TextFilter::join_with_space:
  case TextFilter::join_with_comma:
  case TextFilter::join_with_bare_comma:
  case TextFilter::join_with_line_feed:
  case TextFilter::join_with_blank_line:
    break;
  }
  return std::string(text);
}

std::string filter_words(TextFilter filter, const std::vector<std::string>& words) {
  const char* separator = nullptr;
  switch (filter) {
  case TextFilter::join_with_space:
    separator = " ";
    break;
  case TextFilter::join_with_comma:
    separator = ", ";
    break;
  case TextFilter::join_with_bare_comma:
    separator = ",";
    break;
  case TextFilter::join_with_line_feed:
    separator = "\n";
    break;
  case TextFilter::join_with_blank_line:
    separator = "\n\n";
    break;
  default:
    throw std::logic_error("this text filter does not join words");
  }
  std::string joined;
  for (std::size_t i = 0; i < words.size(); ++i)
    joined += (i == 0 ? "" : separator) + words[i];
  return joined;
}

} // namespace cuecard
