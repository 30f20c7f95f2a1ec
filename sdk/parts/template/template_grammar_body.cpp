#include "template/template_grammar_body.hpp"

#include <charconv>

#include <cuecard/error.hpp>
#include <cuecard/parts/template/template_grammar.hpp>

namespace cuecard {

void advance_place(TemplatePlace& place, std::string_view text, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
}

std::string template_place(int64_t line, int64_t column) {
  return "template line " + std::to_string(line) + ", column " + std::to_string(column);
}

void refuse_template(std::string_view text, std::size_t offset, const std::string& reason) {
  TemplatePlace place{1, 1};
  advance_place(place, text, 0, offset);
  throw UsageError(template_place(place.line, place.column) + ": " + reason +
                   (reason.ends_with('.') || reason.ends_with('?') ? "" : "."));
}

namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '.';
}

class BodyReader {
public:
  BodyReader(std::string_view text, std::size_t open) : text_(text), open_(open), at_(open + 1) {}

  ItemBody read() {
    skip_spaces();
    ItemBody body;
    if (is_letter(peek()))
      body.name = short_form();
    else
      body.entries = entries();
    body.end = at_ + 1;
    return body;
  }

private:
  char peek() {
    if (at_ >= text_.size())
      refuse_template(text_, open_, "this \"{\" is never closed: put a \"}\" after the item");
    return text_[at_];
  }

  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_]))
      ++at_;
  }

  /// The character at the current offset, for messages.
  std::string found() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80)
      ++end;
    return "\"" + std::string(text_.substr(at_, end - at_)) + "\"";
  }

  std::string word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name(text_[at_]))
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string short_form() {
    const std::size_t begin = at_;
    const std::string name = word();
    if (name == "True" || name == "False" || name == "None" || name == "lambda")
      refuse_template(text_, begin, "found " + name + "; expected a key in quotes or the name of a field");
    skip_spaces();
    if (peek() != '}')
      refuse_template(text_, at_,
                      "found " + found() + " after the name \"" + name +
                          "\": an item is {field}, or keys in quotes such as {\"placeholder\": \"" + name +
                          "\"}");
    return name;
  }

  std::string quoted(const std::string& what) {
    if (peek() != '"' && peek() != '\'')
      refuse_template(text_, at_, "found " + found() + "; expected " + what + " in quotes");
    std::string wrong;
    const std::optional<std::string> value = read_python_text(text_, at_, wrong);
    if (!value)
      refuse_template(text_, at_, wrong);
    return *value;
  }

  std::vector<ItemEntry> entries() {
    std::vector<ItemEntry> entries;
    std::optional<bool> with_values;
    while (peek() != '}') {
      ItemEntry entry;
      entry.key_at = entry.value_at = at_;
      entry.key = quoted("a key");
      for (const ItemEntry& earlier : entries)
        if (earlier.key == entry.key)
          refuse_template(text_, entry.key_at, "the key \"" + entry.key + "\" appears twice in one item");
      skip_spaces();
      const bool has_value = peek() == ':';
      if (with_values && *with_values != has_value)
        refuse_template(text_, entry.key_at,
                        "an item has either keys alone or keys with values: write \"" + entry.key +
                            "\": None, or give each key its value");
      with_values = has_value;
      if (has_value) {
        ++at_;
        skip_spaces();
        entry.value_at = at_;
        entry.value = value();
        skip_spaces();
      }
      entries.push_back(std::move(entry));
      if (peek() == ',') {
        ++at_;
        skip_spaces();
      } else if (peek() != '}') {
        refuse_template(text_, at_,
                        "found " + found() + " after the key \"" + entries.back().key +
                            "\"; expected a \",\" or the item's \"}\"");
      }
    }
    return entries;
  }

  PythonValue value() {
    const char c = peek();
    if (c == '"' || c == '\'')
      return quoted("a value");
    if (is_digit(c) || c == '-')
      return number();
    if (!is_letter(c))
      refuse_template(text_, at_, "found " + found() + "; " + allowed());
    const std::size_t begin = at_;
    const std::string name = word();
    if (name == "True" || name == "False")
      return name == "True";
    if (name == "None")
      return PythonNone{};
    if (name == "lambda")
      return PythonLambda{lambda(begin)};
    refuse_template(text_, begin,
                    "found " + name + "; " + allowed() + did_you_mean(name, {"True", "False", "None"}));
  }

  static std::string allowed() {
    return "expected text in quotes, a whole number, True, False or None; nothing in a template is evaluated.";
  }

  int64_t number() {
    const std::size_t begin = at_;
    int64_t result = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), result);
    at_ = static_cast<std::size_t>(end - text_.data());
    if (error != std::errc() || (at_ < text_.size() && (is_name(text_[at_]))))
      refuse_template(text_, begin, "this is not a whole number");
    return result;
  }

  /// From "lambda" at `begin` up to the "," or "}" that ends the value.
  std::string lambda(std::size_t begin) {
    int64_t depth = 0;
    while (depth > 0 || (peek() != ',' && peek() != '}')) {
      const char c = peek();
      if (c == '"' || c == '\'') {
        quoted("text");
        continue;
      }
      if (c == '(' || c == '[' || c == '{')
        ++depth;
      if (c == ')' || c == ']' || c == '}')
        --depth;
      ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string_view text_;
  std::size_t open_;
  std::size_t at_;
};

} // namespace

ItemBody read_item_body(std::string_view text, std::size_t open) {
  return BodyReader(text, open).read();
}

} // namespace cuecard
