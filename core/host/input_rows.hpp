/// Rows to run, from `--data`, from the command line or from standard input, in order and with their places.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <cuecard/error.hpp>
#include <cuecard/example.hpp>

#include "data/readers.hpp"
#include "data/row_layout.hpp"
#include "host/values.hpp"

namespace cuecard::host {

/// A row of the input; its number is its place among all, from 0.
struct InputRow {
  Example example;     ///< its line is 0 when the row was given on the command line
  std::string problem; ///< why it can't be used; empty when it can
  std::string place;   ///< for messages: "dev.tsv, line 3", "text 2"
};

/// What `--strict` throws of a row.
DataError unusable_row(const InputRow& row, const std::string& problem);

class InputRows {
public:
  virtual ~InputRows() = default;
  /// The next rows, at most `most`; none at the end. A stream gives what is there rather than wait for more,
  /// and ends with Ctrl-C.
  virtual std::vector<InputRow> next(std::size_t most) = 0;
  /// How many there are in all, or -1 when only the end will tell.
  virtual int64_t total() const { return -1; }
};

/// How `--data` is read: columns by `--task`, `--column`, `--format` and `--no-header`; without any, each
/// column is a field of its own name and `label`, `id` and `card` have their roles.
RowLayout layout_of(const Values& values);

/// Files are read whole; with `--strict` a row that can't be used is a DataError. A line of text, on the
/// command line or in standard input, fills `text_field`; when that is empty it has a problem that names
/// `fields`. A line that begins with `{` is a JSON object with the row's fields, and `card`, `id`.
std::unique_ptr<InputRows> open_input(const Values& values, const std::vector<std::string>& fields);

/// The rows that fill a template. One without fields has a single prompt, and waits for no input when nobody
/// gives any.
std::unique_ptr<InputRows> open_template_input(const Values& values,
                                               const std::vector<std::string>& template_fields);

/// What a template reads of an example's own fields, without side data. A plain text can fill one.
std::vector<std::string> text_fields(const std::vector<std::string>& template_fields);

} // namespace cuecard::host
