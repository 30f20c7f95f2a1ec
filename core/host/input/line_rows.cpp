#include "host/input/line_rows.hpp"

#include "data/formats/json_value.hpp"
#include "data/formats/text_decoder.hpp"
#include "data/text.hpp"

namespace cuecard::host {

namespace {

constexpr const char* stream_name = "standard input";

std::string place_of(const std::string& file, int64_t line) {
  return file + ", line " + std::to_string(line);
}

bool begins_as_json(std::string_view text) {
  text = trimmed(without_byte_order_mark(text));
  return text.starts_with("{") || text.starts_with("[");
}

} // namespace

LineRows::LineRows(std::vector<std::string> fields, ObjectColumns objects, LineKind kind)
    : fields_(std::move(fields)), objects_(std::move(objects)), kind_(kind) {
  remarks_.file = stream_name;
}

bool LineRows::is_json(std::string_view line) const {
  return kind_ == LineKind::json || (kind_ == LineKind::either && begins_as_json(line));
}

bool LineRows::is_whole_json(std::string_view text) const {
  JsonValue value;
  JsonOddities oddities;
  if (!is_json(text) || !parse_json_value(text, value, oddities).empty())
    return false;
  const bool list = value.kind == JsonValue::Kind::list && !value.members.empty();
  return (list ? value.members[0].value : value).kind == JsonValue::Kind::object;
}

std::string LineRows::problem_of_text(std::string_view text) const {
  if (trimmed(text).empty())
    return "the line is empty";
  if (fields_.empty())
    return "the template has no text field, or the cards' templates have different ones; give a JSON object";
  std::string names;
  for (const std::string& field : fields_)
    names += (names.empty() ? "" : ", ") + field;
  return fields_.size() == 1 ? ""
                             : "the template has several fields (" + names + "); give a JSON object with them";
}

InputRow LineRows::of_text(std::string text, std::string place, int64_t line) const {
  InputRow row;
  row.place = std::move(place);
  row.example.line = line;
  row.problem = problem_of_text(text);
  if (row.problem.empty()) {
    replace_invalid_utf8(text);
    row.example.fields[fields_[0]] = std::move(text);
  }
  return row;
}

std::vector<InputRow> LineRows::of_json(const std::string& text, const std::string& place, int64_t line) {
  RecordReport report;
  std::vector<InputRow> rows;
  try {
    auto examples = parse_objects(
        text, stream_name,
        [this](const std::vector<std::string>& keys) -> const RecordLayout& { return objects_.of(keys); },
        report);
    rows = in_file_order(std::move(examples), report, line);
  } catch (const DataError& error) { // no object is usable
    rows = in_file_order({}, report, line);
    if (rows.empty())
      rows.push_back({{}, error.what(), place_of(stream_name, line)});
  }
  remarks_.invalid_bytes += report.invalid_bytes;
  remarks_.half_escapes += report.half_escapes;
  remarks_.repeated_keys += report.repeated_keys;
  for (InputRow& row : rows) {
    if (!place.empty()) {
      row.place = place;
      row.example.line = 0;
    }
    if (kind_ == LineKind::either && row.problem.find("JSON") != std::string::npos)
      row.problem += " (with --format text, a line is a text whatever it begins with)";
  }
  return rows;
}

bool goes_on(std::string_view line) {
  line = trimmed(line);
  // A line that lost its end seldom ends like this; it must not make the next one wait.
  const bool open_end =
      line.ends_with('{') || line.ends_with('[') || line.ends_with(',') || line.ends_with(':');
  return (line.starts_with("[") || (line.starts_with("{") && open_end)) &&
         JsonExtent().feed(line) == std::string_view::npos && is_json_beginning(std::string(line) + "\n");
}

std::vector<InputRow> in_file_order(std::vector<Example> examples, const RecordReport& report,
                                    int64_t first_line) {
  std::vector<InputRow> rows;
  auto example = examples.begin();
  auto skipped = report.skipped.begin();
  for (int64_t record = 0; record < report.records; ++record) {
    InputRow row;
    if (skipped != report.skipped.end() && skipped->record == record) {
      row.example.line = skipped->line;
      row.example.id = skipped->id;
      row.problem = skipped->reason;
      ++skipped;
    } else if (example != examples.end()) {
      row.example = std::move(*example++);
    }
    row.example.line += first_line - 1;
    row.place = place_of(report.file, row.example.line);
    rows.push_back(std::move(row));
  }
  return rows;
}

} // namespace cuecard::host
