#include <algorithm>

#include "data/record.hpp"
#include "data/text.hpp"

namespace cuecard {

namespace {

std::vector<std::string> split_columns(std::string_view line) {
  std::vector<std::string> columns;
  for (std::size_t at = line.find_first_not_of(" \t"); at != line.npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    columns.emplace_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t", end);
  }
  return columns;
}

class ConllSource : public RecordSource {
public:
  explicit ConllSource(std::string_view bytes) : bytes_(bytes) {}

  const std::vector<std::string>& header() const override { return no_header_; }

  bool next(Record& record) override {
    record = {};
    while (at_ < bytes_.size()) {
      const std::size_t end = std::min(bytes_.find('\n', at_), bytes_.size());
      const std::string_view line = trimmed(bytes_.substr(at_, end - at_));
      at_ = end + 1;
      ++line_;
      if (!line.empty() && !line.starts_with("-DOCSTART-"))
        add(split_columns(line), record);
      else if (record.line > 0)
        return true;
    }
    return record.line > 0;
  }

private:
  void add(std::vector<std::string> columns, Record& record) const {
    if (record.line == 0) {
      record.line = line_;
      record.cells.resize(columns.size(), {"", Cell{"", {}, true}});
    }
    if (columns.size() != record.cells.size()) {
      if (record.problem.empty())
        record.problem = "line " + std::to_string(line_) + " has " + std::to_string(columns.size()) +
                         " columns, and the first line of the sentence has " +
                         std::to_string(record.cells.size());
      return;
    }
    for (std::size_t i = 0; i < columns.size(); ++i)
      record.cells[i].second.items.push_back(std::move(columns[i]));
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  int64_t line_ = 0;
  std::vector<std::string> no_header_;
};

} // namespace

std::unique_ptr<RecordSource> conll_records(std::string_view bytes) {
  return std::make_unique<ConllSource>(bytes);
}

} // namespace cuecard
