/// Inputs from lines: texts, or the JSON objects and lists that Python writes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/formats/readers.hpp"
#include "host/input/card_columns.hpp"
#include "host/input/input_row.hpp"

namespace cuecard::host {

/// What a line may be. `either`: a line that begins with `{` or `[` is JSON, not text.
enum class LineKind { either, text, json };

class LineRows {
public:
  /// A text fills the only field of `fields`. `objects` says what the keys of JSON objects are.
  LineRows(std::vector<std::string> fields, ObjectColumns objects, LineKind kind);

  /// Whether a line is to be read as JSON.
  bool is_json(std::string_view line) const;
  /// Whether a text of the command line is an object or a list of objects.
  bool is_whole_json(std::string_view text) const;

  InputRow of_text(std::string text, std::string place, int64_t line) const;
  /// The objects in `text`, whose first line has the number `line`; without one (a text of the command line), all
  /// have the place `place`.
  std::vector<InputRow> of_json(const std::string& text, const std::string& place, int64_t line);

  /// What was read with a loss up to now.
  const RecordReport& remarks() const { return remarks_; }

private:
  std::string problem_of_text(std::string_view text) const;

  std::vector<std::string> fields_;
  ObjectColumns objects_;
  LineKind kind_;
  RecordReport remarks_;
};

/// Whether the JSON that begins with `line` continues on the next line.
bool goes_on(std::string_view line);

/// All records of a file in order: examples, and those that were skipped with their problems. Lines are counted
/// from `first_line`.
std::vector<InputRow> in_file_order(std::vector<Example> examples, const RecordReport& report,
                                    int64_t first_line = 1);

} // namespace cuecard::host
