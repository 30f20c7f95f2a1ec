#include "data/formats/json_value.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "data/text.hpp"
#include "files/strict_json.hpp"

namespace cuecard {

namespace {

using nlohmann::json;
using Kind = JsonValue::Kind;

/// What is wrong in standard terms, from the parser's `message` and what stands before `byte` (from 1).
std::string reason_of(const std::string& message, std::string_view text, std::size_t byte) {
  const auto says = [&](std::string_view words) { return message.find(words) != message.npos; };
  const std::string_view before = trimmed(text.substr(0, std::min(byte, text.size() + 1) - 1));
  if (says("control character"))
    return "a tab, a line break or another control character in a string is not escaped";
  if (says("missing closing quote"))
    return "a string has no closing quotation mark";
  if (says("forbidden character after backslash") || says("4 hex digits"))
    return "a backslash in a string is not doubled, nor the beginning of an escape";
  if (says("unexpected end of input"))
    return "it ends before its last bracket is closed";
  if (says("expected end of input"))
    return says("unexpected ','") ? "there is a comma after its end"
                                  : "there is more after its end; write one value on each line";
  if ((says("unexpected '}'") || says("unexpected ']'")) && before.ends_with(','))
    return "there is a comma before a closing bracket";
  if (says("invalid literal")) {
    std::size_t begin = std::min(byte, text.size()) - 1;
    while (begin > 0 && std::isalnum(static_cast<unsigned char>(text[begin - 1])))
      --begin;
    const std::string_view rest = text.substr(begin);
    return "\"" + shown(rest.substr(0, std::max(rest.find_first_of(" \t\n,:{}[]\""), std::size_t{1}))) +
           "\" is not a JSON value; a text needs double quotation marks";
  }
  constexpr std::string_view awaits = "; expected ";
  const std::size_t expected = message.rfind(awaits);
  if (expected == message.npos || says("or a literal"))
    return "a value is missing";
  return says("; expected string literal") ? "a key is missing"
                                           : message.substr(expected + awaits.size()) + " is missing";
}

/// ` (character 12)`, from 1, or with the line of a value over several lines; nothing if `byte` is beyond `text`.
std::string place_of(std::string_view text, std::size_t byte) {
  if (byte == 0 || byte > text.size())
    return "";
  const std::string_view before = text.substr(0, byte - 1);
  const std::size_t line_begin = before.rfind('\n') + 1; // npos + 1 is 0
  const auto characters = std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_begin), before.end(),
                                        [](char unit) { return (unit & 0xC0) != 0x80; });
  const std::string line =
      line_begin == 0 ? ""
                      : "its line " + std::to_string(std::count(before.begin(), before.end(), '\n') + 1) + ", ";
  return " (" + line + "character " + std::to_string(characters + 1) + ")";
}

/// Receives the parser's events and builds the value.
class Builder {
public:
  Builder(JsonValue& root, JsonOddities& oddities) : oddities_(oddities), open_{&root} {}

  std::string problem;
  std::string syntax;         ///< the parser's message where it is not JSON
  std::size_t stopped_at = 0; ///< the byte of the problem, from 1
  bool out_of_range = false;  ///< a number is

  bool null() { return scalar(Kind::null, ""); }
  bool boolean(bool value) { return scalar(Kind::boolean, value ? "true" : "false"); }
  bool number_integer(int64_t value) { return scalar(Kind::number, std::to_string(value)); }
  bool number_unsigned(uint64_t value) { return scalar(Kind::number, std::to_string(value)); }
  bool number_float(double, const std::string& text) { return scalar(Kind::number, text); }
  bool string(std::string& text) { return scalar(Kind::text, std::move(text)); }
  bool binary(json::binary_t&) { return false; }
  bool start_object(std::size_t) { return begin(Kind::object); }
  bool start_array(std::size_t) { return begin(Kind::list); }
  bool key(std::string& name) {
    key_ = std::move(name);
    return true;
  }
  bool end_array() {
    open_.pop_back();
    return true;
  }
  bool end_object() {
    keep_last_values(*open_.back());
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&, const json::exception& error) {
    stopped_at = byte;
    out_of_range = error.id == 406;
    problem = out_of_range ? "it has a number that is out of range" : "it is not valid JSON";
    syntax = out_of_range ? "" : error.what();
    return false;
  }

private:
  JsonValue& add() {
    if (!std::exchange(started_, true))
      return *open_[0];
    JsonValue& parent = *open_.back();
    parent.members.push_back({parent.kind == Kind::object ? std::move(key_) : "", {}});
    return parent.members.back().value;
  }
  bool scalar(Kind kind, std::string text) {
    JsonValue& value = add();
    value.kind = kind;
    value.text = std::move(text);
    return true;
  }
  bool begin(Kind kind) {
    JsonValue& value = add();
    value.kind = kind;
    open_.push_back(&value);
    if (static_cast<int>(open_.size()) - 1 <= JsonLimits{}.depth)
      return true;
    problem = "it is nested more than " + std::to_string(JsonLimits{}.depth) + " levels deep";
    return false;
  }
  /// Of members with the same name the last one stays, as in Python.
  void keep_last_values(JsonValue& object) {
    std::map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < object.members.size(); ++i)
      last[object.members[i].name] = i;
    if (last.size() == object.members.size())
      return;
    oddities_.repeated_keys += static_cast<int64_t>(object.members.size() - last.size());
    std::vector<bool> stays(object.members.size());
    for (const auto& [name, i] : last)
      stays[i] = true;
    std::vector<JsonMember> members;
    for (std::size_t i = 0; i < stays.size(); ++i)
      if (stays[i])
        members.push_back(std::move(object.members[i]));
    object.members = std::move(members);
  }

  JsonOddities& oddities_;
  std::vector<JsonValue*> open_; ///< the root, then all objects and lists that are not closed (it may be one)
  std::string key_;
  bool started_ = false;
};

/// The code unit of an escape \uXXXX at `at`.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
  unsigned unit = 0;
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u')
    return std::nullopt;
  const char* end = text.data() + at + 6;
  const auto [rest, failure] = std::from_chars(text.data() + at + 2, end, unit, 16);
  return failure == std::errc() && rest == end ? std::optional(unit) : std::nullopt;
}

/// The size of the number at the beginning of `text` if it is infinite as a float64, else 0.
std::size_t infinite_number(std::string_view text) {
  std::size_t size = text.find_first_not_of("0123456789+-.eE");
  size = std::min(size, text.size());
  double value = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + size, value);
  const std::string_view number = text.substr(0, static_cast<std::size_t>(rest - text.data()));
  const bool tiny = number.find("e-") != number.npos || number.find("E-") != number.npos;
  return failure == std::errc::result_out_of_range && !tiny ? number.size() : 0;
}

/// `text` as standard JSON: what Python's json reads and writes beyond it is replaced.
std::string standard_json(std::string_view text, int64_t& lone_surrogates) {
  std::string result;
  bool in_string = false, in_number = false;
  for (std::size_t at = 0; at < text.size();) {
    const char byte = text[at];
    if (!in_string) {
      std::size_t size = 0;
      for (const std::string_view word : {"NaN", "Infinity", "-Infinity"})
        size = text.substr(at).starts_with(word) ? word.size() : size;
      const bool digit = byte == '-' || (byte >= '0' && byte <= '9');
      if (size == 0 && digit && !in_number)
        size = infinite_number(text.substr(at));
      in_number = digit || (in_number && (byte == '.' || byte == '+' || byte == 'e' || byte == 'E'));
      if (size > 0)
        result += "null";
      else
        result += byte;
      in_string = byte == '"';
      at += std::max(size, std::size_t{1});
      continue;
    }
    if (byte != '\\') {
      in_string = byte != '"';
      result += byte;
      ++at;
      continue;
    }
    const std::optional<unsigned> unit = escaped_unit(text, at);
    std::size_t size = unit ? 6 : std::min<std::size_t>(2, text.size() - at);
    bool lone = unit && *unit >= 0xD800 && *unit < 0xE000;
    if (lone && *unit < 0xDC00)
      if (const auto low = escaped_unit(text, at + 6); low && *low >= 0xDC00 && *low < 0xE000) {
        lone = false;
        size = 12;
      }
    lone_surrogates += lone;
    result += lone ? "\\ufffd" : text.substr(at, size);
    at += size;
  }
  return result;
}

bool may_be_python_only(std::string_view text) {
  return text.find("\\ud") != text.npos || text.find("\\uD") != text.npos || text.find("NaN") != text.npos ||
         text.find("Infinity") != text.npos;
}

} // namespace

std::string parse_json_value(std::string_view text, JsonValue& value, JsonOddities& oddities) {
  value = {};
  if (text.size() > JsonLimits{}.bytes)
    return "it has " + std::to_string(text.size()) + " bytes of JSON, and the limit is " +
           std::to_string(JsonLimits{}.bytes);
  // The parser would take a zero byte as the end.
  if (text.find('\0') != text.npos)
    return "it is not valid JSON: it contains a zero byte";
  const std::string_view given = text;
  std::string standard;
  for (bool replaced = may_be_python_only(text);; replaced = true) {
    JsonOddities found;
    value = {};
    if (replaced)
      text = standard = standard_json(given, found.lone_surrogates);
    Builder builder(value, found);
    if (json::sax_parse(text, &builder)) {
      oddities.lone_surrogates += found.lone_surrogates;
      oddities.repeated_keys += found.repeated_keys;
      return "";
    }
    if (builder.out_of_range && !replaced)
      continue; // a number such as 1e999, which Python reads as infinity
    if (builder.syntax.empty())
      return builder.problem;
    if (trimmed(text).starts_with("{'"))
      return builder.problem +
             ": its texts are in single quotation marks, as Python prints a dictionary; write it with json.dumps";
    return builder.problem + ": " + reason_of(builder.syntax, text, builder.stopped_at) +
           place_of(text, replaced ? 0 : builder.stopped_at);
  }
}

bool is_json_beginning(std::string_view text) {
  int64_t lone = 0;
  const std::string standard = standard_json(text, lone);
  JsonValue value;
  JsonOddities oddities;
  Builder builder(value, oddities);
  return !json::sax_parse(standard, &builder) && builder.stopped_at > standard.size();
}

std::size_t JsonExtent::feed(std::string_view more) {
  for (std::size_t at = 0; at < more.size(); ++at) {
    const char byte = more[at];
    if (in_string_) {
      in_string_ = escaped_ || byte != '"';
      escaped_ = !escaped_ && byte == '\\';
    } else if (byte == '"') {
      in_string_ = true;
    } else if (byte == '{' || byte == '[') {
      ++depth_;
    } else if ((byte == '}' || byte == ']') && --depth_ <= 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

} // namespace cuecard
