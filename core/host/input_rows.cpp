#include "host/input_rows.hpp"

#include <algorithm>
#include <cerrno>
#include <iostream>

#include <poll.h>
#include <unistd.h>

#include <cuecard/error.hpp>

#include "data/task_file.hpp"
#include "data/text.hpp"
#include "host/interrupt.hpp"
#include "program/failure.hpp"

namespace cuecard::host {

namespace {

/// Lines of a file descriptor as they arrive.
class LineStream {
public:
  explicit LineStream(int file) : file_(file) {}

  /// False at the end of the stream, or if Ctrl-C came before the end of the line.
  bool next(std::string& line) {
    for (;;) {
      if (const std::size_t end = waiting_.find('\n', at_); end != std::string::npos) {
        line = waiting_.substr(at_, end - at_);
        at_ = end + 1;
        return true;
      }
      if (ended_) {
        line = waiting_.substr(at_);
        at_ = waiting_.size();
        return !line.empty();
      }
      if (!Interruptible::wait_for(file_))
        return false;
      fill();
    }
  }

  /// Whether `next` would have to wait for more data.
  bool would_wait() const {
    if (ended_ || waiting_.find('\n', at_) != std::string::npos)
      return false;
    pollfd ready{file_, POLLIN, 0};
    return ::poll(&ready, 1, 0) == 0;
  }

private:
  void fill() {
    waiting_.erase(0, at_);
    at_ = 0;
    char block[1 << 16];
    const ssize_t got = ::read(file_, block, sizeof block);
    if (got < 0 && errno != EINTR)
      throw DataError("standard input could not be read.");
    if (got > 0)
      waiting_.append(block, static_cast<std::size_t>(got));
    ended_ = got == 0;
  }

  int file_;
  std::string waiting_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

std::string place_of(const std::string& file, int64_t line) {
  return file + ", line " + std::to_string(line);
}

/// Makes an input of a line.
class LineRows {
public:
  explicit LineRows(std::vector<std::string> fields) : fields_(std::move(fields)) {
    json_.format = DataFormat::jsonl;
    json_.id = Column{"id", 0};
    json_.card = Column{"card", 0};
    json_.optional_roles = true;
  }

  InputRow of_text(std::string text, std::string place) const {
    InputRow row;
    row.place = std::move(place);
    replace_invalid_utf8(text);
    if (trimmed(text).empty())
      row.problem = "the line is empty";
    else if (fields_.size() != 1)
      row.problem = fields_.empty()
                        ? "the template has no text field, or the cards' templates have different ones; "
                          "give a JSON object"
                        : "the template has several fields (" + names() + "); give a JSON object with them";
    else
      row.example.fields[fields_[0]] = std::move(text);
    return row;
  }

  InputRow of_line(std::string line, int64_t number) const {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    InputRow row;
    row.place = place_of("standard input", number);
    if (!trimmed(line).starts_with("{")) {
      row = of_text(std::move(line), row.place);
      row.example.line = number;
      return row;
    }
    RecordReport report;
    try {
      row.example = parse_examples(std::move(line), "standard input", json_, {}, {}, report).at(0);
    } catch (const DataError& error) {
      row.problem = report.skipped.empty() ? error.what() : report.skipped[0].reason;
    }
    row.example.line = number;
    return row;
  }

private:
  std::string names() const {
    std::string text;
    for (const std::string& field : fields_)
      text += (text.empty() ? "" : ", ") + field;
    return text;
  }

  std::vector<std::string> fields_;
  RecordLayout json_;
};

class StreamInput final : public InputRows {
public:
  StreamInput(std::vector<std::string> fields, bool strict)
      : lines_(STDIN_FILENO), rows_(std::move(fields)), strict_(strict) {}

  std::vector<InputRow> next(std::size_t most) override {
    std::vector<InputRow> rows;
    std::string line;
    while (rows.size() < most && (rows.empty() || !lines_.would_wait()) && lines_.next(line)) {
      rows.push_back(rows_.of_line(std::move(line), ++number_));
      if (strict_ && !rows.back().problem.empty())
        throw skipped_row(rows.back(), rows.back().problem);
    }
    return rows;
  }

private:
  LineStream lines_;
  LineRows rows_;
  bool strict_;
  int64_t number_ = 0;
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

std::vector<InputRow> rows_of_file(const Values& values) {
  RecordReport report;
  std::vector<Example> examples =
      read_examples(values.text("data"), layout_of(values), {}, {values.given("strict"), false}, report);
  std::vector<InputRow> rows;
  const auto refused = [&](const SkippedRecord& skipped) {
    InputRow row;
    row.example.line = skipped.line;
    row.problem = skipped.reason;
    row.place = place_of(report.file, skipped.line);
    return row;
  };
  auto skipped = report.skipped.begin();
  for (Example& example : examples) {
    for (; skipped != report.skipped.end() && skipped->line < example.line; ++skipped)
      rows.push_back(refused(*skipped));
    std::string place = place_of(report.file, example.line);
    rows.push_back({std::move(example), "", std::move(place)});
  }
  for (; skipped != report.skipped.end(); ++skipped)
    rows.push_back(refused(*skipped));
  return rows;
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

} // namespace

DataError skipped_row(const InputRow& row, const std::string& problem) {
  return DataError(row.place + ": the example can't be used: " + without_full_stop(problem) + ".");
}

RecordLayout layout_of(const Values& values) {
  RecordLayout layout;
  const auto columns = values.pairs("column");
  if (values.given("task"))
    layout = read_task_file(values.text("task")).layout;
  if (values.given("format"))
    layout.format = format_of_name(values.text("format"));
  if (values.given("no-header"))
    layout.header = false;
  for (const auto& [role, column] : columns)
    place(layout, role, parse_column(column));
  if (columns.empty() && !values.given("task")) {
    layout.label = Column{"label", 0};
    layout.id = Column{"id", 0};
    layout.card = Column{"card", 0};
    layout.optional_roles = true;
  }
  return layout;
}

std::unique_ptr<InputRows> open_input(const Values& values, const std::vector<std::string>& fields) {
  if (values.given("data") && values.given("text"))
    throw UsageError("`cuecard " + values.verb() +
                     "`: texts on the command line and --data exclude each other; give one of them.");
  if (values.given("data"))
    return std::make_unique<ReadyInput>(rows_of_file(values));
  if (!values.given("text"))
    return std::make_unique<StreamInput>(fields, values.given("strict"));
  const LineRows lines(fields);
  std::vector<InputRow> rows;
  for (const std::string& text : values.texts("text"))
    rows.push_back(lines.of_text(text, "text " + std::to_string(rows.size() + 1)));
  return std::make_unique<ReadyInput>(std::move(rows));
}

std::unique_ptr<InputRows> open_template_input(const Values& values,
                                               const std::vector<std::string>& template_fields) {
  if (template_fields.empty() && !values.given("data") && !values.given("text"))
    return std::make_unique<BlankInput>();
  return open_input(values, text_fields(template_fields));
}

std::vector<std::string> text_fields(const std::vector<std::string>& template_fields) {
  std::vector<std::string> fields;
  for (const std::string& field : template_fields)
    if (!field.starts_with("meta.") && std::find(fields.begin(), fields.end(), field) == fields.end())
      fields.push_back(field);
  return fields;
}

} // namespace cuecard::host
