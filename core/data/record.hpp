/// A record as parsed from a data file, before the task's column mapping is applied.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/json_value.hpp"
#include "data/record_layout.hpp"

namespace cuecard {

/// One value: a string, or a list of strings (a JSON array, or one column of a CoNLL sentence).
struct Cell {
  std::string text;
  std::vector<std::string> items;
  bool list = false;
  bool number = false; ///< a JSON number or boolean, not a string
};

struct Record {
  int64_t line = 0;                                ///< first line of the record, from 1
  std::string problem;                             ///< why it is malformed; empty for a valid record
  std::vector<std::pair<std::string, Cell>> cells; ///< in column order; unnamed columns have empty names
};

/// The problem of a record without anything in it.
inline constexpr const char* empty_line = "the line is empty";

/// Oddities of a file that were read as the programs that wrote it mean them; each is told once, with its number.
struct RecordNotes {
  JsonOddities json;
  int64_t kept_quotes = 0; ///< TSV values in quotation marks that may or may not be part of them
};

/// Iterates over the records of one file. `bytes` must outlive it.
class RecordSource {
public:
  virtual ~RecordSource() = default;
  /// False at the end of the file. Throws DataError when the rest of the file can't be parsed.
  virtual bool next(Record& record) = 0;
  /// Column names from the file's header; empty without one.
  virtual const std::vector<std::string>& header() const = 0;
  virtual RecordNotes notes() const { return {}; }
};

/// Delimiter-separated values. TSV (`separator` is a tab): no quoting, one record per line. CSV (comma): RFC
/// 4180, so a quoted field may contain commas, doubled quotes and line breaks. CR LF and LF both end a record.
/// Every error message begins with `origin`.
std::unique_ptr<RecordSource> delimited_records(std::string_view bytes, char separator, bool header,
                                                const std::string& origin);

/// JSON lines, or values over several lines: each object is a record, and so is each object of a list and of
/// `{"data": [...]}`. Keys of nested objects are joined by dots; arrays of scalars are lists; numbers and booleans
/// keep their JSON text; nulls and NaN count as absent. Anything else yields a record with a problem. A line that
/// can't be read is lost alone, where the next one begins a value.
std::unique_ptr<RecordSource> json_records(std::string_view bytes);

/// CoNLL: whitespace-separated columns, one word per line, sentences separated by empty lines; `-DOCSTART-`
/// lines are ignored. A sentence is a record, and each of its cells is a list.
std::unique_ptr<RecordSource> conll_records(std::string_view bytes);

} // namespace cuecard
