#include <algorithm>
#include <charconv>
#include <system_error>

#include <cuecard/error.hpp>

#include "data/formats/record.hpp"
#include "data/text.hpp"

namespace cuecard {

namespace {

std::vector<std::string> split_at_blanks(std::string_view line) {
  std::vector<std::string> columns;
  for (std::size_t at = line.find_first_not_of(" \t"); at != line.npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    columns.emplace_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t", end);
  }
  return columns;
}

std::vector<std::string> split_at(char separator, std::string_view line) {
  std::vector<std::string> columns;
  for (std::size_t at = 0;;) {
    const std::size_t end = std::min(line.find(separator, at), line.size());
    columns.emplace_back(trimmed(line.substr(at, end - at)));
    if (end == line.size())
      return columns;
    at = end + 1;
  }
}

/// The next line, without its end. False after the last one.
bool next_line(std::string_view bytes, std::size_t& at, std::string_view& line) {
  if (at >= bytes.size())
    return false;
  const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
  line = bytes.substr(at, end - at);
  while (line.ends_with('\r'))
    line.remove_suffix(1);
  at = end + 1;
  return true;
}

bool is_no_word(std::string_view line) {
  return trimmed(line).empty() || line.starts_with("-DOCSTART-");
}

/// The column separator of the file; a space means any run of spaces and tabs.
char separator_of(std::string_view bytes, const std::string& origin) {
  int64_t number = 0, with_tab = 0, without_tab = 0; // the first lines of each kind
  std::size_t at = 0, columns = 0;
  bool same_at_blanks = true;
  for (std::string_view line; next_line(bytes, at, line);) {
    ++number;
    const bool tab = line.find('\t') != line.npos;
    if (is_no_word(line) || (line.starts_with('#') && !tab))
      continue;
    int64_t& first = tab ? with_tab : without_tab;
    first = first == 0 ? number : first;
    const std::size_t count = split_at_blanks(line).size();
    same_at_blanks = same_at_blanks && (columns == 0 || columns == count);
    columns = count;
  }
  if (with_tab == 0 || (without_tab > 0 && same_at_blanks))
    return ' ';
  if (without_tab > 0)
    throw DataError(
        origin + ", line " + std::to_string(without_tab) + ": there is no tab, and line " +
        std::to_string(with_tab) +
        " has one, so it is not clear what separates columns; say it with \"separator\" (\"tab\" or "
        "\"blank\") in the task file or --separator.");
  return '\t';
}

/// What the first column of a CoNLL-U line says: the number of a word, of a multiword token (`1-2`) or an empty node
/// (`5.1`).
struct WordNumber {
  int64_t number = 0; ///< the whole number before any `-` or `.`
  bool word = false;
};

std::optional<WordNumber> word_number(std::string_view text) {
  constexpr std::string_view digits = "0123456789";
  const std::size_t end = std::min(text.find_first_not_of(digits), text.size());
  WordNumber found;
  if (std::from_chars(text.data(), text.data() + end, found.number).ec != std::errc())
    return std::nullopt;
  found.word = end == text.size();
  const bool rest = found.word || ((text[end] == '-' || text[end] == '.') && end + 1 < text.size() &&
                                   text.find_first_not_of(digits, end + 1) == text.npos);
  return rest ? std::optional(found) : std::nullopt;
}

class ConllSource : public RecordSource {
public:
  ConllSource(std::string_view bytes, char separator) : bytes_(bytes), separator_(separator) {
    std::size_t at = 0;
    for (std::string_view line; columns_ == 0 && next_line(bytes_, at, line);)
      if (!is_no_word(line) && !line.starts_with('#'))
        columns_ = split(line).size();
    numbered_ = has_numbered_words();
  }

  RecordNotes notes() const override { return {{}, 0, 0, not_words_, {}}; }

  const std::vector<std::string>& header() const override { return no_header_; }

  bool next(Record& record) override {
    record = {};
    for (std::string_view line; next_line(bytes_, at_, line);) {
      ++line_;
      if (!is_no_word(line))
        add(line, record);
      else if (record.line > 0)
        return true;
    }
    return record.line > 0;
  }

private:
  std::vector<std::string> split(std::string_view line) const {
    return separator_ == ' ' ? split_at_blanks(line) : split_at(separator_, line);
  }

  bool is_comment(std::string_view line, const std::vector<std::string>& columns) const {
    return line.starts_with('#') && columns.size() != columns_;
  }

  /// Whether the first column numbers the words of each sentence from 1, which no column of words does.
  bool has_numbered_words() const {
    bool any = false;
    int64_t last = 0; // number in the sentence
    std::size_t at = 0;
    for (std::string_view line; next_line(bytes_, at, line);) {
      if (is_no_word(line)) {
        last = 0;
        continue;
      }
      const std::vector<std::string> columns = split(line);
      if (is_comment(line, columns))
        continue;
      const std::optional<WordNumber> found = word_number(columns[0]);
      if (columns.size() < 2 || !found || (found->word && found->number != ++last))
        return false;
      any = any || found->word;
    }
    return any;
  }

  void add(std::string_view line, Record& record) {
    std::vector<std::string> columns = split(line);
    if (is_comment(line, columns))
      return;
    if (numbered_ && !word_number(columns[0])->word) {
      ++not_words_;
      return;
    }
    if (record.line == 0) {
      record.line = line_;
      record.cells.resize(columns.size(), {"", Cell{"", {}, true, false, true}});
    }
    if (columns.size() != record.cells.size()) {
      if (record.problem.empty())
        record.problem = "line " + std::to_string(line_) + " has " + counted(columns.size(), "column") +
                         ", and the first line of the sentence has " + std::to_string(record.cells.size());
      return;
    }
    for (std::size_t i = 0; i < columns.size(); ++i)
      record.cells[i].second.items.push_back(std::move(columns[i]));
  }

  std::string_view bytes_;
  char separator_;
  std::size_t at_ = 0;
  int64_t line_ = 0;
  std::size_t columns_ = 0; ///< of the first line that is surely a word
  bool numbered_ = false;   ///< the first column holds the numbers of words, as in CoNLL-U
  int64_t not_words_ = 0;
  std::vector<std::string> no_header_;
};

} // namespace

std::unique_ptr<RecordSource> conll_records(std::string_view bytes, std::optional<char> separator,
                                            const std::string& origin) {
  return std::make_unique<ConllSource>(bytes, separator ? *separator : separator_of(bytes, origin));
}

} // namespace cuecard
