#include "host/input/input_rows.hpp"

#include <algorithm>
#include <deque>
#include <iostream>
#include <sstream>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "data/formats/json_value.hpp"
#include "data/formats/readers.hpp"
#include "data/formats/text_decoder.hpp"
#include "data/task_file.hpp"
#include "data/text.hpp"
#include "data/text_fields.hpp"
#include "host/input/line_rows.hpp"
#include "host/input/line_stream.hpp"
#include "host/interrupt.hpp"
#include "program/failure.hpp"

namespace cuecard::host {

namespace {

/// Reports what was read with a loss, as for training files.
void tell(const RecordReport& report) {
  if (const std::string remarks = report.remarks(); !remarks.empty())
    std::cerr << "cuecard: " << remarks << '\n';
}

class StreamInput final : public InputRows {
public:
  StreamInput(LineRows rows, bool strict)
      : lines_(STDIN_FILENO, "standard input"), rows_(std::move(rows)), strict_(strict) {}

  ~StreamInput() override { tell(rows_.remarks()); }

  std::vector<InputRow> next(std::size_t most) override {
    std::string line;
    while (ready_.size() < most && (ready_.empty() || !lines_.would_wait()) && lines_.next(line))
      take(std::move(line));
    std::vector<InputRow> rows;
    for (; rows.size() < most && !ready_.empty(); ready_.pop_front())
      rows.push_back(std::move(ready_.front()));
    return rows;
  }

private:
  void take(std::string line) {
    const int64_t first = ++number_;
    if (!rows_.is_json(line)) {
      add(rows_.of_text(std::move(line), "standard input, line " + std::to_string(first), first));
      return;
    }
    if (goes_on(line) && !take_rest(line))
      return;
    if (trimmed(line).empty())
      return; // as in a file of JSON lines
    for (InputRow& row : rows_.of_json(line, "", first))
      add(std::move(row));
  }

  /// Appends the lines up to the end of the list or object. False if Ctrl-C came before.
  bool take_rest(std::string& text) {
    JsonExtent extent;
    extent.feed(text);
    std::string line;
    while (lines_.next(line)) {
      ++number_;
      text.append("\n").append(line);
      if (extent.feed(line) != std::string_view::npos)
        return true;
    }
    return !Interruptible::requested();
  }

  void add(InputRow row) {
    if (strict_ && !row.problem.empty())
      throw skipped_row(row, row.problem);
    ready_.push_back(std::move(row));
  }

  LineStream lines_;
  LineRows rows_;
  bool strict_;
  int64_t number_ = 0;         ///< lines read
  std::deque<InputRow> ready_; ///< the objects of a list come together
};

/// A single input without fields.
class BlankInput final : public InputRows {
public:
  std::vector<InputRow> next(std::size_t) override {
    if (given_)
      return {};
    given_ = true;
    return {InputRow{{}, "", "the template"}};
  }

private:
  bool given_ = false;
};

/// Inputs that are all known from the beginning.
class ReadyInput final : public InputRows {
public:
  explicit ReadyInput(std::vector<InputRow> rows) : rows_(std::move(rows)) {}

  std::vector<InputRow> next(std::size_t most) override {
    const std::size_t end = std::min(rows_.size(), at_ + most);
    std::vector<InputRow> part(std::make_move_iterator(rows_.begin() + static_cast<std::ptrdiff_t>(at_)),
                               std::make_move_iterator(rows_.begin() + static_cast<std::ptrdiff_t>(end)));
    at_ = end;
    return part;
  }
  int64_t total() const override { return static_cast<int64_t>(rows_.size()); }

private:
  std::vector<InputRow> rows_;
  std::size_t at_ = 0;
};

std::vector<InputRow> rows_of_records(std::string bytes, const std::string& origin, const Values& values,
                                      const CardColumns& card) {
  RecordReport report;
  const RecordLayout layout = layout_for(values, card, bytes, origin);
  std::vector<Example> examples =
      parse_examples(std::move(bytes), origin, layout, {}, {values.given("strict"), false}, report);
  tell(report);
  return in_file_order(std::move(examples), report);
}

/// Each line is a text.
std::vector<InputRow> rows_of_text(const std::string& path, const LineRows& rows) {
  RecordReport report;
  report.file = path;
  std::string text = decoded_text(read_data_bytes(path), path, report.invalid_bytes);
  end_lines_with_feeds(text);
  std::istringstream lines(std::move(text));
  std::vector<InputRow> result;
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r'))
      line.pop_back();
    report.invalid_bytes += replace_invalid_utf8(line);
    ++number;
    result.push_back(rows.of_text(line, path + ", line " + std::to_string(number), number));
  }
  tell(report);
  return result;
}

/// Adds one `--column ROLE=COLUMN` to the layout.
void place(RecordLayout& layout, const std::string& role, const Column& column) {
  if (role == "label")
    layout.label = column;
  else if (role == "id")
    layout.id = column;
  else if (role == "card")
    layout.card = column;
  else if (role == "answers")
    layout.answers = column;
  else if (role == "references")
    layout.references = column;
  else if (role.starts_with("meta."))
    layout.meta[role.substr(5)] = column;
  else if (role.starts_with("words."))
    layout.words[role.substr(6)] = column;
  else if (role.starts_with("choices.")) // one column per alternative, in order
    layout.choices[role.substr(8)].push_back(column);
  else
    layout.fields[role] = column;
}

/// How lines are read: JSON objects have the columns that `--column` names, or those of the task; else their keys are
/// fields, except `id` and `card`.
LineRows line_rows(const Values& values, const std::vector<std::string>& fields, const CardColumns& card) {
  RecordLayout layout;
  layout.format = DataFormat::jsonl;
  layout.optional_roles = true;
  const bool told = !values.pairs("column").empty();
  if (!told) {
    layout.id = Column{"id", 0};
    layout.card = Column{"card", 0};
  } else {
    for (const auto& [role, column] : values.pairs("column"))
      place(layout, role, parse_column(column));
  }
  const std::string format = values.given("format") ? values.text("format") : "";
  return LineRows(fields, ObjectColumns(values, told ? CardColumns{} : card, std::move(layout)),
                  format == "text"    ? LineKind::text
                  : format == "jsonl" ? LineKind::json
                                      : LineKind::either);
}

std::vector<InputRow> rows_of_arguments(const Values& values, LineRows rows) {
  std::vector<InputRow> result;
  int64_t number = 0;
  for (const std::string& text : values.texts("text")) {
    const std::string place = "text " + std::to_string(++number);
    if (!rows.is_whole_json(text)) {
      result.push_back(rows.of_text(text, place, 0));
      continue;
    }
    for (InputRow& row : rows.of_json(text, place, 1))
      result.push_back(std::move(row));
  }
  tell(rows.remarks());
  return result;
}

} // namespace

DataError skipped_row(const InputRow& row, const std::string& problem) {
  return DataError(row.place + ": the example can't be used: " + without_full_stop(problem) + ".");
}

RecordLayout with_flags(RecordLayout layout, const Values& values) {
  if (values.given("format")) {
    layout.format = format_of_name(values.text("format"));
    if (!layout.format)
      throw UsageError("`cuecard " + values.verb() +
                       "`: lines of --format text have no labels; give --format tsv, csv, jsonl or conll.");
  }
  if (values.given("no-header"))
    layout.header = false;
  if (values.given("separator")) {
    layout.separator = parse_separator(values.text("separator"));
    if (!layout.separator)
      throw UsageError("`cuecard " + values.verb() + "`: --separator is \"" + shown(values.text("separator")) +
                       "\"; expected one character, tab or blank.");
  }
  for (const auto& [role, column] : values.pairs("column"))
    place(layout, role, parse_column(column));
  return layout;
}

RecordLayout layout_of(const Values& values) {
  if (values.given("task"))
    return with_flags(read_task_file(values.text("task")).layout, values);
  RecordLayout layout = with_flags({}, values);
  if (values.pairs("column").empty()) {
    layout.label = Column{"label", 0};
    layout.id = Column{"id", 0};
    layout.card = Column{"card", 0};
    layout.optional_roles = true;
  }
  return layout;
}

ReadSettings labelled_rows(const Values& values) {
  return {values.given("strict"), true, values.given("allow-skipped")};
}

std::unique_ptr<InputRows> open_input(const Values& values, const std::vector<std::string>& fields,
                                      const CardColumns& card) {
  if (values.given("data") && values.given("text"))
    throw UsageError("`cuecard " + values.verb() +
                     "`: texts on the command line and --data are mutually exclusive; give one of them.");
  LineRows lines = line_rows(values, fields, card);
  if (values.given("text"))
    return std::make_unique<ReadyInput>(rows_of_arguments(values, std::move(lines)));
  const std::string format = values.given("format") ? values.text("format") : "";
  if (values.given("data") && format == "text")
    return std::make_unique<ReadyInput>(rows_of_text(values.text("data"), lines));
  if (values.given("data"))
    return std::make_unique<ReadyInput>(
        rows_of_records(read_data_bytes(values.text("data")), values.text("data"), values, card));
  if (format.empty() || format == "text" || format == "jsonl")
    return std::make_unique<StreamInput>(std::move(lines), values.given("strict"));
  return std::make_unique<ReadyInput>(
      rows_of_records(read_data_bytes("/dev/stdin"), "standard input", values, card));
}

std::unique_ptr<InputRows> open_template_input(const Values& values,
                                               const std::vector<std::string>& template_fields,
                                               const CardColumns& card) {
  if (template_fields.empty() && !values.given("data") && !values.given("text"))
    return std::make_unique<BlankInput>();
  return open_input(values, text_fields(template_fields), card);
}

} // namespace cuecard::host
