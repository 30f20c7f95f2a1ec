#include "manifest.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// Quoted for an error message: shortened, on one line.
std::string quoted(const std::string& text) {
  std::string shown = text.substr(0, 60);
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  return "\"" + shown + (text.size() > 60 ? "...\"" : "\"");
}

template <class Number>
bool parse_all(const std::string& text, Number& value) {
  const char* begin = text.data();
  const char* const end = begin + text.size();
  if (begin != end && *begin == '+' && (end - begin) > 1 && begin[1] != '-')
    ++begin; // from_chars doesn't accept a plus sign
  const auto [stopped, error] = std::from_chars(begin, end, value);
  return error == std::errc() && stopped == end && begin != end;
}

bool within(const OptionInfo& option, double value) {
  return (!option.minimum || value >= *option.minimum) && (!option.maximum || value <= *option.maximum);
}

} // namespace

Needs needs_of(const OptionInfo& option) {
  const std::size_t equals = option.needs.find('=');
  if (equals == std::string::npos)
    return {option.needs, {}};
  Needs needs{option.needs.substr(0, equals), {}};
  std::istringstream values(option.needs.substr(equals + 1));
  for (std::string value; std::getline(values, value, '|');)
    needs.values.push_back(value);
  return needs;
}

std::string expected_value(const OptionInfo& option) {
  if (option.type == CUECARD_FLAG)
    return "true or false";
  if (option.type == CUECARD_FILE)
    return "a file path";
  if (option.type == CUECARD_CARD)
    return "a card folder";
  if (option.type == CUECARD_TEXT) {
    if (option.choices.empty())
      return "text";
    std::string list = "one of ";
    for (const std::string& choice : option.choices)
      list += (&choice == &option.choices.front() ? "" : ", ") + (choice.empty() ? "(empty)" : choice);
    return list;
  }
  std::string text = option.type == CUECARD_INTEGER ? "a whole number" : "a number";
  if (option.minimum && option.maximum)
    return text + " from " + shortest(*option.minimum) + " to " + shortest(*option.maximum);
  if (option.minimum)
    return text + ", at least " + shortest(*option.minimum);
  if (option.maximum)
    return text + ", at most " + shortest(*option.maximum);
  return text;
}

Options::Value parse_option(const OptionInfo& option, const std::string& text) {
  const auto refuse = [&](const std::string& hint = "") {
    return UsageError("option \"" + option.name + "\" is " + quoted(text) + "; expected " +
                      expected_value(option) + "." + hint);
  };
  switch (option.type) {
  case CUECARD_FLAG:
    if (text == "true" || text == "yes" || text == "on" || text == "1")
      return true;
    if (text == "false" || text == "no" || text == "off" || text == "0")
      return false;
    throw refuse();
  case CUECARD_INTEGER: {
    int64_t value = 0;
    if (!parse_all(text, value) || !within(option, static_cast<double>(value)))
      throw refuse();
    return value;
  }
  case CUECARD_NUMBER: {
    double value = 0;
    if (!parse_all(text, value) || !std::isfinite(value) || !within(option, value))
      throw refuse();
    return value;
  }
  default:
    if (!option.choices.empty() && std::ranges::find(option.choices, text) == option.choices.end())
      throw refuse(did_you_mean(text, option.choices));
    return text;
  }
}

} // namespace cuecard
