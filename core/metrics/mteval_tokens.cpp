#include "metrics/mteval_tokens.hpp"

namespace cuecard {

namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}

bool stop(char c) {
  return c == '.' || c == ',';
}

bool blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// ASCII marks but the apostrophe, hyphen, full stop and comma.
bool stands_alone(char c) {
  const bool mark =
      (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
  return mark && c != '\'' && c != '-' && !stop(c);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// Each pair of neighbours that `matches` becomes what `rewrite` makes of it. Pairs don't overlap: the search
/// goes on behind the last one.
template <class Matches, class Rewrite>
std::string each_pair(const std::string& text, Matches&& matches, Rewrite&& rewrite) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && matches(text[i], text[i + 1])) {
      result += rewrite(text[i], text[i + 1]);
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

} // namespace

std::vector<std::string> mteval_tokens(std::string_view text) {
  std::string line(text);
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  replace_all(line, "&quot;", "\"");
  replace_all(line, "&amp;", "&");
  replace_all(line, "&lt;", "<");
  replace_all(line, "&gt;", ">");
  std::string spaced = " ";
  for (const char c : line) {
    if (stands_alone(c))
      spaced += {' ', c, ' '};
    else
      spaced += c;
  }
  spaced += ' ';
  const auto second_alone = [](char a, char b) { return std::string{a, ' ', b, ' '}; };
  spaced = each_pair(
      spaced, [](char a, char b) { return !digit(a) && stop(b); }, second_alone);
  spaced = each_pair(
      spaced, [](char a, char b) { return stop(a) && !digit(b); },
      [](char a, char b) {
        return std::string{' ', a, ' ', b};
      });
  spaced = each_pair(
      spaced, [](char a, char b) { return digit(a) && b == '-'; }, second_alone);

  std::vector<std::string> tokens;
  bool open = false;
  for (const char c : spaced) {
    if (blank(c)) {
      open = false;
      continue;
    }
    if (!open)
      tokens.emplace_back();
    tokens.back() += c;
    open = true;
  }
  return tokens;
}

} // namespace cuecard
