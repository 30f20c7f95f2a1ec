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

  RecordNotes notes() const override { return {{}, dialect_.kept_quotes, after_quotes_, {}}; }

  const std::vector<std::string>& header() const override { return header_; }

  bool next(Record& record) override {
    record = {};
    if (at_ >= bytes_.size())
      return false;
    record.line = line_;
    std::vector<std::string> values;
    parse_values(values);
    if (values.size() == 1 && values[0].empty())
      record.problem = empty_line;
    else if (!header_.empty() && values.size() != header_.size())
      record.problem = "it has " + counted(values.size(), "column") + ", and the header has " +
                       std::to_string(header_.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      record.cells.emplace_back(i < header_.size() ? header_[i] : "", Cell{std::move(values[i]), {}, false});
    return true;
  }

private:
  /// CR where that ends the first record and no line feed outside of quotation marks ends another, else LF.
  static char line_end_of(std::string_view bytes, bool quotes) {
    bool quoted = false, returns = false;
    for (const char byte : bytes) {
      quoted = quoted != (quotes && byte == '"');
      if (!quoted && byte == '\n')
        return '\n';
      returns = returns || (!quoted && byte == '\r');
    }
    return returns ? '\r' : '\n';
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
