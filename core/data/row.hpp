/// A row as a file holds it, before the task says what its columns mean.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/row_layout.hpp"

namespace cuecard {

/// One value: a text, or a list of texts (a JSON array, a column of a CoNLL sentence).
struct Cell {
  std::string text;
  std::vector<std::string> items;
  bool list = false;
};

struct Row {
  int64_t line = 0;                                ///< where it begins, from 1
  std::string problem;                             ///< why it can't be used; empty when it can
  std::vector<std::pair<std::string, Cell>> cells; ///< in order; names are empty where a file has none
};

/// Rows of one file in order. `bytes` must outlive it.
class RowSource {
public:
  virtual ~RowSource() = default;
  /// False at the end. Throws DataError where the rest of the file can't be understood.
  virtual bool next(Row& row) = 0;
  /// Names of the columns when the file declares them in front; empty otherwise.
  virtual const std::vector<std::string>& header() const = 0;
};

/// Separated values. TSV (`separator` tab): no quoting, a line is a record. CSV (comma): RFC 4180, so a quoted
/// field may hold commas, doubled quotes and line ends. CR LF and LF both end a record. `origin` begins every
/// error.
std::unique_ptr<RowSource> delimited_rows(std::string_view bytes, char separator, bool header,
                                          const std::string& origin);

/// One JSON object a line. Keys of nested objects are joined by dots; arrays of scalars are lists; numbers and
/// booleans are their JSON text; nulls are absent. A line that is no object is a row with a problem.
std::unique_ptr<RowSource> json_rows(std::string_view bytes, const std::string& origin);

/// Blank-separated columns, one word a line, an empty line between sentences; lines that begin with
/// `-DOCSTART-` are left out. Every cell is a list.
std::unique_ptr<RowSource> conll_rows(std::string_view bytes);

} // namespace cuecard
