#include <algorithm>

#include "data/row.hpp"
#include "data/text.hpp"

namespace cuecard {

namespace {

std::vector<std::string> columns_of(std::string_view line) {
  std::vector<std::string> columns;
  for (std::size_t at = line.find_first_not_of(" \t"); at != line.npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    columns.emplace_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t", end);
  }
  return columns;
}

class Conll : public RowSource {
public:
  explicit Conll(std::string_view bytes) : bytes_(bytes) {}

  const std::vector<std::string>& header() const override { return none_; }

  bool next(Row& row) override {
    row = {};
    while (at_ < bytes_.size()) {
      const std::size_t end = std::min(bytes_.find('\n', at_), bytes_.size());
      const std::string_view line = trimmed(bytes_.substr(at_, end - at_));
      at_ = end + 1;
      ++line_;
      if (!line.empty() && !line.starts_with("-DOCSTART-"))
        add(columns_of(line), row);
      else if (row.line > 0)
        return true;
    }
    return row.line > 0;
  }

private:
  void add(std::vector<std::string> columns, Row& row) const {
    if (row.line == 0) {
      row.line = line_;
      row.cells.resize(columns.size(), {"", Cell{"", {}, true}});
    }
    if (columns.size() != row.cells.size()) {
      if (row.problem.empty())
        row.problem = "its line " + std::to_string(line_) + " has " + std::to_string(columns.size()) +
                      " columns where its first line has " + std::to_string(row.cells.size());
      return;
    }
    for (std::size_t i = 0; i < columns.size(); ++i)
      row.cells[i].second.items.push_back(std::move(columns[i]));
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  int64_t line_ = 0;
  std::vector<std::string> none_;
};

} // namespace

std::unique_ptr<RowSource> conll_rows(std::string_view bytes) {
  return std::make_unique<Conll>(bytes);
}

} // namespace cuecard
