/// A record as parsed from a data file, before the task's column mapping is applied.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/formats/dialect.hpp"
#include "data/formats/json_value.hpp"
#include "data/formats/record_report.hpp"
#include "data/record_layout.hpp"

namespace cuecard {

/// One value: a string, or a list of strings (a JSON array, or one column of a CoNLL sentence).
struct Cell {
  std::string text;
  std::vector<std::string> items;
  bool list = false;
  bool number = false; ///< a JSON number or boolean, not a string
  bool words =
      false; ///< a list that is a text when its items are joined by blanks: a column of a CoNLL sentence
};

struct Record {
  int64_t line = 0;                                ///< first line of the record, from 1
  std::string problem;                             ///< why it is malformed; empty for a valid record
  std::vector<std::pair<std::string, Cell>> cells; ///< in column order; unnamed columns have empty names
  std::vector<std::string> missing; ///< the header's columns after those of a row that ends too soon
};

/// Irregularities of a file that were read as the program that wrote it intended; each kind is reported once,
/// with its count.
struct RecordNotes {
  JsonOddities json;
  int64_t kept_quotes = 0;  ///< TSV values in quotation marks that may or may not be part of them
  int64_t after_quotes = 0; ///< values with text after their closing quotation mark
  int64_t not_words = 0;    ///< lines of CoNLL-U that are multiword tokens or empty nodes
  std::string remedy;       ///< what to do where no record has what was asked for; may be empty
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

/// Delimiter-separated values. With quotation marks, RFC 4180 applies: a quoted field may contain separators,
/// doubled quotation marks and line breaks; without, one line is a record. LF and CR LF end a record, and CR does
/// in a file whose lines end so. Blank lines are not records. A header may leave columns without a name; a row may lack
/// the last columns, or have more if these are empty. Every error message begins with `origin`.
std::unique_ptr<RecordSource> delimited_records(std::string_view bytes, const Dialect& dialect, bool header,
                                                const std::string& origin);

/// What is known of the rows of a JSON file before it is read, by which a table is told from a row.
struct JsonColumns {
  bool known = true;                   ///< false: only names are sought, of all columns that a row may have
  std::vector<std::string> texts = {}; ///< columns whose values are texts, never lists
  std::vector<std::string> lists = {}; ///< columns whose values are lists of texts
  std::vector<std::string> used = {};  ///< all columns that are named
};

/// JSON lines, or values over several lines: each object is a record, and so is each object of a list and of
/// `{"data": [...]}`. If it is the only value of the file, an object of lists of the same length is a table whose i-th
/// row has the i-th value of each, where `columns` says that it can't be a row. Keys of nested objects are joined by dots
/// (a key that contains the dot takes precedence); arrays of scalars are lists; numbers and booleans
/// keep their JSON text; nulls, NaN and infinity count as absent. Blank lines are not records. Anything else yields a
/// record with a problem. If a line can't be read and the next one begins a value, only that line is lost.
std::unique_ptr<RecordSource> json_records(std::string_view bytes, JsonColumns columns);

/// CoNLL column files: one word per line, sentences separated by empty lines; `-DOCSTART-` lines and comments are
/// ignored. A sentence is a record, and each of its cells is a list. Columns are separated by tabs if all lines
/// have one (a column may then be empty or contain blanks), else by blanks; `separator` says which. A comment is a
/// line that begins with `#` and does not have the columns of its sentence. If the first column numbers the words of
/// all sentences from 1, as in CoNLL-U, lines with the number `1-2` or `5.1` are counted, and no words. Throws DataError where it is not
/// clear what separates columns.
std::unique_ptr<RecordSource> conll_records(std::string_view bytes, std::optional<char> separator,
                                            const std::string& origin);

} // namespace cuecard
