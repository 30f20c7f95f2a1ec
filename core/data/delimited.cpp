#include <cuecard/error.hpp>

#include "data/row.hpp"

namespace cuecard {

namespace {

class Delimited : public RowSource {
public:
  Delimited(std::string_view bytes, char separator, bool header, const std::string& origin)
      : bytes_(bytes), separator_(separator), origin_(origin) {
    while (!bytes_.empty() && (bytes_.back() == '\n' || bytes_.back() == '\r'))
      bytes_.remove_suffix(1); // blank lines at the end are no rows
    if (header && at_ < bytes_.size()) {
      record(header_);
      for (const std::string& name : header_)
        if (name.empty())
          throw DataError(origin_ + ", line 1: a column of the header has no name; name it, or say "
                                    "\"header\": false and give columns by number.");
    }
  }

  const std::vector<std::string>& header() const override { return header_; }

  bool next(Row& row) override {
    row = {};
    if (at_ >= bytes_.size())
      return false;
    row.line = line_;
    std::vector<std::string> values;
    record(values);
    if (values.size() == 1 && values[0].empty())
      row.problem = "the line is empty";
    else if (!header_.empty() && values.size() != header_.size())
      row.problem = "it has " + std::to_string(values.size()) + " columns where the header has " +
                    std::to_string(header_.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      row.cells.emplace_back(i < header_.size() ? header_[i] : "", Cell{std::move(values[i]), {}, false});
    return true;
  }

private:
  void record(std::vector<std::string>& values) {
    values.clear();
    for (;;) {
      values.push_back(separator_ == ',' && at_ < bytes_.size() && bytes_[at_] == '"' ? quoted() : plain());
      if (at_ >= bytes_.size())
        return;
      if (bytes_[at_] == separator_) {
        ++at_;
        continue;
      }
      at_ += bytes_[at_] == '\r' ? 2u : 1u;
      ++line_;
      return;
    }
  }

  /// True at the end of a record. A CR alone is text.
  bool ends(std::size_t at) const {
    return at >= bytes_.size() || bytes_[at] == '\n' ||
           (bytes_[at] == '\r' && at + 1 < bytes_.size() && bytes_[at + 1] == '\n');
  }

  std::string plain() {
    const std::size_t begin = at_;
    while (!ends(at_) && bytes_[at_] != separator_)
      ++at_;
    return std::string(bytes_.substr(begin, at_ - begin));
  }

  std::string quoted() {
    const int64_t opened = line_;
    std::string value;
    for (++at_; at_ < bytes_.size(); ++at_) {
      if (bytes_[at_] == '"') {
        if (at_ + 1 >= bytes_.size() || bytes_[at_ + 1] != '"') {
          ++at_;
          // Text behind a closing quote is outside RFC 4180; keep it, as spreadsheet programs do.
          return value + plain();
        }
        ++at_;
      }
      line_ += bytes_[at_] == '\n';
      value += bytes_[at_];
    }
    throw DataError(origin_ + ", line " + std::to_string(opened) +
                    ": a quote is opened and never closed; close it, or double a quote that is meant as text.");
  }

  std::string_view bytes_;
  char separator_;
  std::string origin_;
  std::size_t at_ = 0;
  int64_t line_ = 1;
  std::vector<std::string> header_;
};

} // namespace

std::unique_ptr<RowSource> delimited_rows(std::string_view bytes, char separator, bool header,
                                          const std::string& origin) {
  return std::make_unique<Delimited>(bytes, separator, header, origin);
}

} // namespace cuecard
