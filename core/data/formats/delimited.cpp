#include <algorithm>

#include <cuecard/error.hpp>

#include "data/formats/record.hpp"

namespace cuecard {

namespace {

class DelimitedSource : public RecordSource {
public:
  DelimitedSource(std::string_view bytes, const Dialect& dialect, bool header, const std::string& origin)
      : bytes_(bytes.substr(dialect.begin)), dialect_(dialect), origin_(origin),
        line_end_(line_end_of(bytes_, dialect.quotes)), line_(dialect.begin > 0 ? 2 : 1) {
    while (!bytes_.empty() && (bytes_.back() == '\n' || bytes_.back() == '\r'))
      bytes_.remove_suffix(1); // trailing blank lines are not records
    for (; header && at_ < bytes_.size() && (bytes_[at_] == '\n' || bytes_[at_] == '\r'); ++at_)
      line_ += bytes_[at_] == line_end_; // nor is one before the header
    if (header && at_ < bytes_.size())
      parse_values(header_);
  }

  RecordNotes notes() const override { return {{}, dialect_.kept_quotes, after_quotes_, 0, {}}; }

  const std::vector<std::string>& header() const override { return header_; }

  bool next(Record& record) override {
    record = {};
    pass_blank_lines();
    if (at_ >= bytes_.size())
      return false;
    record.line = line_;
    std::vector<std::string> values;
    parse_values(values);
    while (!header_.empty() && values.size() > header_.size() && values.back().empty())
      values.pop_back(); // separators at the end of the row
    if (!header_.empty() &&
        values.size() < header_.size()) // Excel and others leave out empty values at the end
      record.missing.assign(header_.begin() + std::ssize(values), header_.end());
    if (!header_.empty() && values.size() > header_.size())
      record.problem = "it has " + counted(values.size(), "column") + ", and the header has " +
                       std::to_string(header_.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      record.cells.emplace_back(i < header_.size() ? header_[i] : "", Cell{std::move(values[i]), {}, false});
    return true;
  }

private:
  /// What ends lines, outside of quotation marks: CR where one without LF ends the first line and LF ends fewer (pandas'
  /// to_csv with lineterminator="\r" leaves those in texts bare), else LF.
  static char line_end_of(std::string_view bytes, bool quotes) {
    bool quoted = false;
    int64_t returns = 0, feeds = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      quoted = quoted != (quotes && bytes[at] == '"');
      if (quoted)
        continue;
      const std::string_view next = bytes.substr(at, 3);
      returns += next[0] == '\r' && !next.starts_with("\r\n") && next != "\r\r\n";
      feeds += next[0] == '\n';
      if (returns == 0 && feeds > 0)
        return '\n';
    }
    return returns > feeds ? '\r' : '\n';
  }

  /// Like pandas: lines with nothing but blanks are not records.
  void pass_blank_lines() {
    for (;;) {
      std::size_t end = at_;
      while (end < bytes_.size() && bytes_[end] != dialect_.separator &&
             (bytes_[end] == ' ' || bytes_[end] == '\t'))
        ++end;
      if (at_ >= bytes_.size() || !record_ends(end))
        return;
      at_ = std::min(bytes_.find(line_end_, end), bytes_.size() - 1) + 1;
      ++line_;
    }
  }

  void parse_values(std::vector<std::string>& values) {
    values.clear();
    for (;;) {
      values.push_back(dialect_.quotes && at_ < bytes_.size() && bytes_[at_] == '"' ? quoted_field()
                                                                                    : unquoted_field());
      if (at_ >= bytes_.size())
        return;
      if (bytes_[at_] == dialect_.separator) {
        ++at_;
        continue;
      }
      at_ = bytes_.find(line_end_, at_) + 1;
      ++line_;
      return;
    }
  }

  /// True at the end of a record: LF, after one CR or after two, which Python's csv leaves in text mode. Any other
  /// CR is part of the text, unless the file has no LF.
  bool record_ends(std::size_t at) const {
    const std::string_view next = bytes_.substr(std::min(at, bytes_.size()), 3);
    return next.empty() || next[0] == line_end_ || next.starts_with("\r\n") || next == "\r\r\n";
  }

  std::string unquoted_field() {
    const std::size_t begin = at_;
    while (!record_ends(at_) && bytes_[at_] != dialect_.separator)
      ++at_;
    return std::string(bytes_.substr(begin, at_ - begin));
  }

  std::string quoted_field() {
    const int64_t opened = line_;
    std::string value;
    for (++at_; at_ < bytes_.size(); ++at_) {
      if (bytes_[at_] == '"') {
        if (at_ + 1 >= bytes_.size() || bytes_[at_ + 1] != '"') {
          ++at_;
          // Text after a closing quote is outside RFC 4180; keep it, as spreadsheet programs do.
          const std::string rest = unquoted_field();
          after_quotes_ += !rest.empty();
          return value + rest;
        }
        ++at_;
      }
      line_ += bytes_[at_] == line_end_;
      value += bytes_[at_];
    }
    throw DataError(
        origin_ + ", line " + std::to_string(opened) +
        ": an opening quote is never closed; close it, or double quotes that are part of the text.");
  }

  std::string_view bytes_;
  Dialect dialect_;
  std::string origin_;
  char line_end_;
  std::size_t at_ = 0;
  int64_t line_;
  int64_t after_quotes_ = 0;
  std::vector<std::string> header_;
};

} // namespace

std::unique_ptr<RecordSource> delimited_records(std::string_view bytes, const Dialect& dialect, bool header,
                                                const std::string& origin) {
  return std::make_unique<DelimitedSource>(bytes, dialect, header, origin);
}

} // namespace cuecard
