#include "word_file.hpp"

#include <algorithm>
#include <map>

#include <cuecard/error.hpp>

namespace cuecard::knowledgeable {

namespace {

using Words = std::vector<std::string>;
using WordsOfLabels = std::vector<std::pair<std::string, Words>>;

constexpr const char* blanks = " \t\r\n";

/// The subset of JSON in files of label words: objects of lists of texts, and lists of those.
class JsonWords {
public:
  JsonWords(const std::string& text, const std::string& path) : text_(text), path_(path) {}

  std::vector<WordsOfLabels> read() {
    std::vector<WordsOfLabels> lists;
    if (next() == '[')
      each('[', ']', [&] { lists.push_back(object()); });
    else
      lists.push_back(object());
    if (next() != '\0')
      refuse("the end of the file (one JSON value, not one per line)");
    return lists;
  }

private:
  [[noreturn]] void refuse(const std::string& expected) const {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
    throw DataError(path_ + ", line " + std::to_string(line) + ": expected " + expected);
  }

  /// The next non-blank character, or 0 at the end.
  char next() {
    at_ = std::min(text_.find_first_not_of(blanks, at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  void take(char wanted) {
    if (next() != wanted)
      refuse(std::string("\"") + wanted + "\"");
    ++at_;
  }

  template <class Item>
  void each(char open, char close, Item&& item) {
    take(open);
    if (next() == close) {
      ++at_;
      return;
    }
    for (item(); next() == ','; item())
      ++at_;
    take(close);
  }

  WordsOfLabels object() {
    WordsOfLabels result;
    if (next() != '{')
      refuse("an object of label words, {\"label\": [\"word\"]},");
    each('{', '}', [&] {
      std::string label = text();
      take(':');
      Words words;
      each('[', ']', [&] { words.push_back(text()); });
      result.emplace_back(std::move(label), std::move(words));
    });
    return result;
  }

  std::string text() {
    if (next() != '"')
      refuse("a string in double quotes");
    std::string result;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (static_cast<unsigned char>(text_[at_]) < 0x20)
        refuse("a string without control characters");
      result += text_[at_] == '\\' ? escape() : std::string(1, text_[at_]);
    }
    take('"');
    return result;
  }

  /// The escape whose backslash is at `at_`; stops on its last character.
  std::string escape() {
    static const std::map<char, char> plain{{'"', '"'},  {'\\', '\\'}, {'/', '/'},  {'b', '\b'},
                                            {'f', '\f'}, {'n', '\n'},  {'r', '\r'}, {'t', '\t'}};
    ++at_;
    if (const auto found = at_ < text_.size() ? plain.find(text_[at_]) : plain.end(); found != plain.end())
      return {found->second};
    uint32_t point = code_unit();
    if (point >= 0xD800 && point < 0xDC00 && text_.compare(at_ + 1, 1, "\\") == 0) {
      at_ += 2;
      const uint32_t low = code_unit();
      if (low < 0xDC00 || low >= 0xE000)
        refuse("the second half of a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    if (point >= 0xD800 && point < 0xE000)
      refuse("a whole surrogate pair");
    return utf8(point);
  }

  uint32_t code_unit() {
    if (at_ + 4 >= text_.size() || text_[at_] != 'u' ||
        text_.find_first_not_of("0123456789abcdefABCDEF", at_ + 1) < at_ + 5)
      refuse("an escape such as \\n or \\u00e4");
    const auto unit = static_cast<uint32_t>(std::stoul(text_.substr(at_ + 1, 4), nullptr, 16));
    at_ += 4;
    return unit;
  }

  static std::string utf8(uint32_t point) {
    const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
    if (point < 0x80)
      return {static_cast<char>(point)};
    if (point < 0x800)
      return {static_cast<char>(0xC0 | (point >> 6)), tail(0)};
    if (point < 0x10000)
      return {static_cast<char>(0xE0 | (point >> 12)), tail(6), tail(0)};
    return {static_cast<char>(0xF0 | (point >> 18)), tail(12), tail(6), tail(0)};
  }

  const std::string &text_, &path_;
  std::size_t at_ = 0;
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// Lists of lines, each line the words of one label.
std::vector<std::vector<Words>> lists_of_lines(const std::string& text) {
  std::vector<std::vector<Words>> lists{{}};
  for (const std::string& line : split(text, '\n')) {
    const std::size_t first = line.find_first_not_of(blanks);
    if (first != std::string::npos)
      lists.back().push_back(split(line.substr(first, line.find_last_not_of(blanks) + 1 - first), ','));
    else if (!lists.back().empty())
      lists.emplace_back();
  }
  if (lists.back().empty())
    lists.pop_back();
  return lists;
}

template <class List>
const List& chosen(const std::vector<List>& lists, int64_t choice, const std::string& path) {
  if (choice < 0 || choice >= std::ssize(lists))
    throw DataError(path + ": list number " + std::to_string(choice) +
                    " of label words was requested, and the file has " + std::to_string(lists.size()) +
                    ", counted from 0; set \"choice\" to an existing one");
  return lists[static_cast<std::size_t>(choice)];
}

std::vector<Words> in_order(const WordsOfLabels& named, const std::vector<std::string>& labels,
                            const std::string& path) {
  std::vector<Words> words;
  for (const std::string& label : labels) {
    const auto found =
        std::find_if(named.begin(), named.end(), [&](const auto& of) { return of.first == label; });
    if (found == named.end())
      throw DataError(path + ": has no words for the label \"" + label + "\" of the task");
    words.push_back(found->second);
  }
  for (const auto& [name, unused] : named)
    if (std::find(labels.begin(), labels.end(), name) == labels.end())
      throw DataError(path + ": has words for \"" + name + "\", which is not a label of the task." +
                      did_you_mean(name, labels));
  return words;
}

bool ends(const std::string& path, const std::string& extension) {
  return path.size() >= extension.size() &&
         path.compare(path.size() - extension.size(), extension.size(), extension) == 0;
}

} // namespace

std::vector<std::vector<std::string>> read_word_file(const std::string& text, const std::string& path,
                                                     const std::vector<std::string>& labels, int64_t choice) {
  if (ends(path, ".json") || ends(path, ".jsonl"))
    return in_order(chosen(JsonWords(text, path).read(), choice, path), labels, path);
  if (!ends(path, ".txt") && !ends(path, ".csv"))
    throw DataError(path + ": a file of label words must end in .txt, .csv, .json or .jsonl");
  const std::vector<Words> lines = chosen(lists_of_lines(text), choice, path);
  if (lines.size() != labels.size())
    throw DataError(path + ": has " + std::to_string(lines.size()) +
                    " lines of label words, and the task has " + std::to_string(labels.size()) +
                    " labels; expected a line for each");
  return lines;
}

} // namespace cuecard::knowledgeable
