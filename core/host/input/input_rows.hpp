/// Input examples from `--data`, the command line or standard input, in order and with their places.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/readers.hpp"
#include "data/record_layout.hpp"
#include "host/input/card_columns.hpp"
#include "host/input/input_row.hpp"
#include "program/values.hpp"

namespace cuecard::host {

class InputRows {
public:
  virtual ~InputRows() = default;
  /// The next inputs, at most `most`; none at the end. A stream returns the lines that have arrived rather than
  /// wait for more, and ends with Ctrl-C.
  virtual std::vector<InputRow> next(std::size_t most) = 0;
  /// The number of inputs, or -1 if it is not known before the end.
  virtual int64_t total() const { return -1; }
};

/// How `--data` is read, by `--task`, `--column`, `--format` and `--no-header`. Without any of them, each
/// column is a field of that name, except that `label`, `id` and `card` have their roles.
RecordLayout layout_of(const Values& values);
/// The layout with what `--column`, `--format`, `--no-header` and `--separator` say.
RecordLayout with_flags(RecordLayout layout, const Values& values);

/// How rows with labels are read, by `--strict` and `--allow-skipped`.
ReadSettings labelled_rows(const Values& values);

/// Files are read whole; with `--strict` an input that can't be used is a DataError. A text on the command line
/// or a line of standard input fills the only field of `fields`; if there is none or several, the input has a
/// problem that says so. A line of standard input that begins with `{` or `[` is JSON, not text: an object with the columns of the card's task
/// or the fields, `card` and `id`, or a list of objects, which may span several lines. `--format text` makes every line a text; another format
/// reads standard input as a file. `card`: whose columns a file may have.
std::unique_ptr<InputRows> open_input(const Values& values, const std::vector<std::string>& fields,
                                      const CardColumns& card = {});

/// Inputs for a template. A template without fields has a single prompt, and needs no input.
std::unique_ptr<InputRows> open_template_input(const Values& values,
                                               const std::vector<std::string>& template_fields,
                                               const CardColumns& card = {});

} // namespace cuecard::host
