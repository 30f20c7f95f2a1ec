#include "tokenizer/text/regex_syntax.hpp"

#include <algorithm>
#include <vector>

#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

class Translator {
public:
  explicit Translator(const std::string& ruby) : ruby_(ruby) {}

  std::string translated() {
    while (at_ < ruby_.size())
      step();
    icu_.append(groups_[0].options, ')');
    return std::move(icu_);
  }

private:
  struct Group {
    size_t begin = 0;   // in icu_
    size_t options = 0; // `(?i)` inside it, each of which has become a group that ends where it ends
    bool dot_is_any = false;
  };

  bool starts_with(const std::string& text) const { return ruby_.compare(at_, text.size(), text) == 0; }

  /// Copies `length` bytes, at most to the end.
  void copy(size_t length) {
    icu_ += ruby_.substr(at_, length);
    at_ = std::min(ruby_.size(), at_ + length);
  }

  void step() {
    const char byte = ruby_[at_];
    if (byte == '*' || byte == '+' || byte == '?' || (byte == '{' && interval_length() > 0))
      return quantifier();
    const size_t begin = icu_.size();
    quantified_ = false;
    if (byte == '(')
      return open_group();
    if (byte == ')')
      return close_group();
    if (byte == '|') {
      copy(1);
      atom_ = icu_.size();
      return;
    }
    if (byte == '\\')
      escape(false);
    else if (byte == '[')
      brackets();
    else if (byte == '{' || byte == '}' || byte == ']')
      icu_ += '\\', copy(1);
    else if (byte == '.' && groups_.back().dot_is_any)
      icu_ += "[\\s\\S]", ++at_;
    else
      copy(utf8_length(byte));
    atom_ = begin;
  }

  /// Of `{2}`, `{2,}`, `{,3}` or `{2,3}` here; 0 if there is none.
  size_t interval_length() const {
    size_t end = at_ + 1;
    const auto digits = [&] {
      const size_t begin = end;
      while (end < ruby_.size() && ruby_[end] >= '0' && ruby_[end] <= '9')
        ++end;
      return end > begin;
    };
    bool any = digits();
    if (end < ruby_.size() && ruby_[end] == ',') {
      ++end;
      any = digits() || any;
    }
    return any && end < ruby_.size() && ruby_[end] == '}' ? end + 1 - at_ : 0;
  }

  void quantifier() {
    if (quantified_) { // of what is quantified already
      icu_.insert(atom_, "(?:");
      icu_ += ')';
    }
    quantified_ = true;
    if (ruby_[at_] != '{') {
      copy(1);
      if (at_ < ruby_.size() && (ruby_[at_] == '?' || ruby_[at_] == '+'))
        copy(1);
      return;
    }
    const std::string interval = ruby_.substr(at_, interval_length());
    at_ += interval.size();
    icu_ += interval[1] == ',' ? "{0" + interval.substr(1) : interval;
    if (interval.find(',') != std::string::npos && at_ < ruby_.size() && ruby_[at_] == '?')
      copy(1);
  }

  void open_group() {
    const size_t begin = icu_.size();
    if (starts_with("(?#"))
      return copy(std::min(ruby_.find(')', at_), ruby_.size() - 1) + 1 - at_);
    const size_t end = ruby_.find_first_not_of("imx-", std::min(at_ + 2, ruby_.size()));
    if (starts_with("(?") && end != std::string::npos && end > at_ + 2 &&
        (ruby_[end] == ':' || ruby_[end] == ')')) {
      Group options{begin, 0, groups_.back().dot_is_any};
      const std::string flags = options_without_m(ruby_.substr(at_ + 2, end - at_ - 2), options.dot_is_any);
      icu_ += flags.empty() ? "(?:" : "(?" + flags + ":";
      if (ruby_[end] == ':') {
        groups_.push_back(options);
      } else {
        ++groups_.back().options;
        groups_.back().dot_is_any = options.dot_is_any;
      }
      at_ = end + 1;
      atom_ = icu_.size();
      return;
    }
    groups_.push_back({begin, 0, groups_.back().dot_is_any});
    copy(1);
    if (at_ < ruby_.size() && ruby_[at_] == '?')
      copy(starts_with("?<") ? 3 : 2);
    atom_ = icu_.size();
  }

  /// ICU's own option for it would take a carriage return and a line feed as one character.
  static std::string options_without_m(const std::string& options, bool& dot_is_any) {
    std::string others;
    bool on = true;
    for (const char option : options) {
      on = on && option != '-';
      if (option == 'm')
        dot_is_any = on;
      else
        others += option;
    }
    return others == "-" ? "" : others;
  }

  void close_group() {
    if (groups_.size() == 1) // an unbalanced one, for ICU to refuse
      return copy(1);
    icu_.append(groups_.back().options, ')');
    copy(1);
    atom_ = groups_.back().begin;
    groups_.pop_back();
  }

  void brackets() {
    int depth = 0;
    while (at_ < ruby_.size()) {
      const char byte = ruby_[at_];
      if (byte == '\\') {
        escape(true);
        continue;
      }
      const bool negated = starts_with("[:^punct:]");
      if (negated || starts_with("[:punct:]")) {
        icu_ += negated ? "[^\\p{P}\\p{S}]" : "\\p{P}\\p{S}";
        at_ += negated ? 10 : 9;
        continue;
      }
      if (starts_with("[:") && ruby_.find(":]", at_) != std::string::npos) {
        copy(ruby_.find(":]", at_) + 2 - at_);
        continue;
      }
      copy(1);
      depth += byte == '[' ? 1 : byte == ']' ? -1 : 0;
      if (depth == 0)
        return;
    }
  }

  void escape(bool in_brackets) {
    const std::string word = regex_set(in_brackets ? RegexClass::word_in_brackets : RegexClass::word);
    const std::string after = "(?<=" + word + ")", not_after = "(?<!" + word + ")";
    const std::string before = "(?=" + word + ")", not_before = "(?!" + word + ")";
    const std::pair<const char*, std::string> classes[] = {
        {"\\w", word},
        {"\\W", "[^" + word + "]"},
        {"\\h", "[0-9a-fA-F]"},
        {"\\H", "[^0-9a-fA-F]"},
        {"\\d", regex_set(RegexClass::digit)},
        {"\\D", "[^" + regex_set(RegexClass::digit) + "]"},
        {"\\p{L}", regex_set(RegexClass::letter)},
        {"\\P{L}", "[^" + regex_set(RegexClass::letter) + "]"},
        {"\\p{N}", regex_set(RegexClass::number)},
        {"\\P{N}", "[^" + regex_set(RegexClass::number) + "]"}};
    const std::pair<const char*, std::string> outside_brackets[] = {
        {"\\b", "(?:" + after + not_before + "|" + not_after + before + ")"},
        {"\\B", "(?:" + after + before + "|" + not_after + not_before + ")"},
        {"\\N", "[^\\n]"},
        {"\\O", "[\\s\\S]"}};
    const auto put = [&](const auto& meanings) {
      for (const auto& [name, icu] : meanings)
        if (starts_with(name)) {
          icu_ += icu;
          at_ += std::string(name).size();
          return true;
        }
      return false;
    };
    if (put(classes) || (!in_brackets && put(outside_brackets)))
      return;
    const bool named = at_ + 2 < ruby_.size() && ruby_[at_ + 2] == '{';
    const size_t end = named ? ruby_.find('}', at_) : std::string::npos;
    if (end != std::string::npos && (starts_with("\\p{^") || starts_with("\\P{^"))) {
      icu_ += icu_syntax((ruby_[at_ + 1] == 'p' ? "\\P{" : "\\p{") + ruby_.substr(at_ + 4, end - at_ - 3));
      at_ = end + 1;
      return;
    }
    copy(end != std::string::npos ? end + 1 - at_
         : at_ + 1 < ruby_.size() ? 1 + utf8_length(ruby_[at_ + 1])
                                  : 1);
  }

  const std::string& ruby_;
  std::string icu_;
  size_t at_ = 0;
  size_t atom_ = 0; // where what a quantifier would belong to begins in icu_
  bool quantified_ = false;
  std::vector<Group> groups_{Group{}};
};

} // namespace

std::string icu_syntax(const std::string& ruby) {
  return Translator(ruby).translated();
}

} // namespace cuecard::tokenizer
