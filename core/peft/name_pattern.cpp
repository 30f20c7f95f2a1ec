#include "peft/name_pattern.hpp"

#include <algorithm>
#include <string>

namespace cuecard::peft {

namespace {

constexpr std::size_t max_length = 1024;
constexpr int max_depth = 32;

using Bytes = std::bitset<256>;

Bytes range(char first, char last) {
  Bytes bytes;
  for (int c = static_cast<unsigned char>(first); c <= static_cast<unsigned char>(last); ++c)
    bytes.set(static_cast<std::size_t>(c));
  return bytes;
}

const Bytes digits = range('0', '9'), letters = range('a', 'z') | range('A', 'Z'),
            words = digits | letters | range('_', '_'), line = ~range('\n', '\n');

} // namespace

/// Recursive descent; `failed_` at the first syntax that is not supported.
class PatternParser {
public:
  explicit PatternParser(std::string_view text) : text_(text) {}

  std::optional<NamePattern> parse() {
    const Part whole = alternatives(0);
    if (failed_ || at_ < text_.size())
      return std::nullopt;
    pattern_.first_ = whole.first;
    pattern_.last_ = whole.last;
    return pattern_;
  }

private:
  using Kind = NamePattern::Kind;
  struct Part {
    int32_t first = 0, last = 0;
  };

  int32_t add(Kind kind = Kind::step, const Bytes& accepted = {}) {
    pattern_.states_.push_back({kind, accepted, {}});
    return static_cast<int32_t>(pattern_.states_.size()) - 1;
  }
  void join(int32_t from, int32_t to) { pattern_.states_[static_cast<std::size_t>(from)].next.push_back(to); }
  Part single(Kind kind, const Bytes& accepted = {}) {
    const Part part{add(kind, accepted), add()};
    join(part.first, part.last);
    return part;
  }
  Part fail() {
    failed_ = true;
    return {};
  }
  bool more() const { return !failed_ && at_ < text_.size(); }
  bool take(std::string_view expected) {
    if (failed_ || !text_.substr(at_).starts_with(expected))
      return false;
    at_ += expected.size();
    return true;
  }

  Part alternatives(int depth) {
    if (depth > max_depth)
      return fail();
    const Part whole{add(), add()};
    do {
      const Part one = sequence(depth);
      join(whole.first, one.first);
      join(one.last, whole.last);
    } while (take("|"));
    return whole;
  }

  Part sequence(int depth) {
    const int32_t first = add();
    int32_t last = first;
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      const Part one = repeated(depth);
      join(last, one.first);
      last = one.last;
    }
    return {first, last};
  }

  Part repeated(int depth) {
    const Part one = atom(depth);
    const char sign = more() ? text_[at_] : '\0';
    if (sign != '*' && sign != '+' && sign != '?')
      return one;
    ++at_;
    take("?"); // lazy: matches the same names
    if (more() && std::string_view("*+?{").find(text_[at_]) != std::string_view::npos)
      return fail();
    const Part whole{add(), add()};
    join(whole.first, one.first);
    join(one.last, whole.last);
    if (sign != '+')
      join(whole.first, whole.last);
    if (sign != '?')
      join(one.last, one.first);
    return whole;
  }

  Part atom(int depth) {
    const char c = text_[at_++];
    switch (c) {
    case '(': {
      if (!take("?:") && more() && text_[at_] == '?')
        return fail();
      const Part inside = alternatives(depth + 1);
      return take(")") ? inside : fail();
    }
    case '[':
      return one_of_class();
    case '.':
      return single(Kind::character, line);
    case '^':
      return single(Kind::begin);
    case '$':
      return single(Kind::end);
    case '\\':
      return single(Kind::character, escaped());
    case '*':
    case '+':
    case '?':
    case '{':
    case '}':
    case ']':
      return fail();
    default:
      return single(Kind::character, range(c, c));
    }
  }

  Bytes escaped() {
    if (!more()) {
      failed_ = true;
      return {};
    }
    const char c = text_[at_++];
    if (c == 'd')
      return digits;
    if (c == 'w')
      return words;
    failed_ = failed_ || (words[static_cast<unsigned char>(c)] && c != '_');
    return range(c, c);
  }

  Part one_of_class() {
    const bool other = take("^");
    Bytes accepted;
    if (more() && text_[at_] == ']') // a member in Python
      return fail();
    while (more() && text_[at_] != ']') {
      const char first = text_[at_++];
      if (first == '[')
        return fail();
      if (first == '\\') {
        accepted |= escaped();
      } else if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        const char last = text_[at_ + 1];
        if (last == '\\' || static_cast<unsigned char>(last) < static_cast<unsigned char>(first))
          return fail();
        accepted |= range(first, last);
        at_ += 2;
      } else {
        accepted |= range(first, first);
      }
    }
    return take("]") ? single(Kind::character, other ? ~accepted : accepted) : fail();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
  NamePattern pattern_;
};

std::optional<NamePattern> NamePattern::parse(std::string_view pattern) {
  if (pattern.size() > max_length)
    return std::nullopt;
  return PatternParser(pattern).parse();
}

void NamePattern::enter(int32_t state, std::size_t at, std::size_t size, std::vector<char>& entered) const {
  std::vector<int32_t> open{state};
  while (!open.empty()) {
    const auto index = static_cast<std::size_t>(open.back());
    open.pop_back();
    const State& found = states_[index];
    if (entered[index] || (found.kind == Kind::begin && at != 0) || (found.kind == Kind::end && at != size))
      continue;
    entered[index] = 1;
    if (found.kind != Kind::character)
      open.insert(open.end(), found.next.begin(), found.next.end());
  }
}

bool NamePattern::matches(std::string_view name) const {
  std::vector<char> entered(states_.size(), 0);
  enter(first_, 0, name.size(), entered);
  for (std::size_t at = 0; at < name.size(); ++at) {
    std::vector<char> after(states_.size(), 0);
    for (std::size_t s = 0; s < states_.size(); ++s)
      if (entered[s] && states_[s].kind == Kind::character &&
          states_[s].accepted[static_cast<unsigned char>(name[at])])
        for (const int32_t next : states_[s].next)
          enter(next, at + 1, name.size(), after);
    entered = std::move(after);
  }
  return entered[static_cast<std::size_t>(last_)] != 0;
}

bool matches_pattern_key(std::string_view key, std::string_view module) {
  const auto plain = [](char c) { return words[static_cast<unsigned char>(c)] || c == '.' || c == '-'; };
  if (std::ranges::all_of(key, plain)) {
    if (key.empty() || key.size() > module.size())
      return false;
    const std::string_view end = module.substr(module.size() - key.size());
    const auto same = [](char of_key, char of_name) { return of_key == '.' || of_key == of_name; };
    return std::ranges::equal(key, end, same) &&
           (end.size() == module.size() || module[module.size() - end.size() - 1] == '.');
  }
  const auto whole = NamePattern::parse(R"((.*\.)?()" + std::string(key) + ")");
  return whole && whole->matches(module);
}

} // namespace cuecard::peft
