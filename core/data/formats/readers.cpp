#include "data/formats/readers.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <span>
#include <sstream>
#include <system_error>

#include <cuecard/error.hpp>

#include "data/example_maker.hpp"
#include "data/formats/record.hpp"
#include "data/formats/text_decoder.hpp"
#include "data/resolved_columns.hpp"
#include "data/text.hpp"
#include "files/sha256.hpp"

namespace cuecard {

namespace {

JsonColumns json_columns(const RecordLayout& layout) {
  JsonColumns columns;
  for (const auto& [name, column] : layout.fields)
    columns.texts.push_back(column.name);
  for (const auto& [name, column] : layout.words)
    columns.lists.push_back(column.name);
  for (const auto& [name, alternatives] : layout.choices)
    for (const Column& column : alternatives)
      (alternatives.size() > 1 ? columns.texts : columns.lists).push_back(column.name);
  for (const Column& column : columns_of(layout))
    columns.used.push_back(column.name);
  return columns;
}

std::unique_ptr<RecordSource> open_source(std::string_view bytes, DataFormat format, const RecordLayout& layout,
                                          const std::string& origin) {
  switch (format) {
  case DataFormat::tsv:
  case DataFormat::csv:
    return delimited_records(bytes, dialect_of(bytes, format == DataFormat::tsv ? '\t' : ',', layout, origin),
                             layout.header, origin);
  case DataFormat::jsonl:
    return json_records(bytes, json_columns(layout));
  case DataFormat::conll:
    return conll_records(bytes, layout.separator, origin);
  }
  throw UsageError(origin + ": the data format is unknown.");
}

/// The names of the columns of some records, in the order in which they occur.
std::vector<std::string> names_in(std::span<const Record> records) {
  std::vector<std::string> names;
  for (const Record& record : records)
    for (const auto& [name, cell] : record.cells)
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
  return names;
}

constexpr std::size_t few = 100; // an object may lack a key, or have null

/// The next records of a source, at most `most`.
std::vector<Record> next_records(RecordSource& source, std::size_t most) {
  std::vector<Record> records;
  for (Record record; records.size() < most && source.next(record);)
    records.push_back(std::move(record));
  return records;
}

/// The keys of the first JSON objects, whether an object is a row or holds all rows.
std::vector<std::string> json_names(std::string_view bytes) {
  const std::unique_ptr<RecordSource> source = json_records(bytes, {.known = false});
  return names_in(next_records(*source, few));
}

/// Makes decoded bytes well-formed UTF-8. DataError if there is nothing but blanks.
void repair(std::string& bytes, const std::string& origin, RecordReport& report) {
  report.invalid_bytes += replace_invalid_utf8(bytes);
  if (trimmed(bytes).empty())
    throw DataError(origin + ": the data file is empty.");
}

/// The examples of a source's records, whose layout has been resolved.
std::vector<Example> examples_of(RecordSource& source, const ExampleMaker& maker, const std::string& origin,
                                 const ReadSettings& settings, RecordReport& report) {
  std::vector<Example> examples;
  for (Record record; source.next(record); ++report.records) {
    Example example;
    std::string problem = maker.make(record, example);
    if (problem.empty())
      examples.push_back(std::move(example));
    else if (settings.strict)
      throw DataError(origin + ", line " + std::to_string(record.line) +
                      ": the example can't be used: " + problem + ".");
    else
      report.skipped.push_back({record.line, std::move(problem), report.records, std::move(example.id)});
  }
  const RecordNotes notes = source.notes();
  report.half_escapes = notes.json.lone_surrogates;
  report.repeated_keys = notes.json.repeated_keys;
  report.kept_quotes = notes.kept_quotes;
  report.after_quotes = notes.after_quotes;
  report.not_words = notes.not_words;
  if (report.records == 0)
    throw DataError(origin + ": the data file has a header but no rows.");
  if (examples.empty())
    throw DataError(origin + ": none of its examples can be used (" + std::to_string(report.records) +
                    " read); line " + std::to_string(report.skipped[0].line) + ": " + report.skipped[0].reason +
                    (notes.remedy.empty() ? "" : "; " + notes.remedy) + ".");
  if (!settings.allow_skipped)
    refuse_too_many(report.skipped, report.records, origin);
  return examples;
}

} // namespace

std::string read_data_bytes(const std::filesystem::path& path) {
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure))
    throw DataError(path.string() + ": is a folder; expected a data file.");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (file && file.peek() != std::ifstream::traits_type::eof())
    bytes << file.rdbuf();
  if (!file.is_open() || file.bad())
    throw DataError(path.string() + ": the data file could not be read: " +
                    std::generic_category().message(errno ? errno : EIO) + ".");
  return std::move(bytes).str();
}

std::vector<std::string> column_names(std::string bytes, const std::string& origin, RecordLayout layout) {
  const std::optional<DataFormat> format = layout.format ? layout.format : format_of_path(origin);
  int64_t invalid = 0;
  bytes = decoded_text(bytes, origin, invalid);
  if (!format || *format == DataFormat::conll || trimmed(bytes).empty())
    return {};
  if (*format == DataFormat::jsonl) {
    end_lines_with_feeds(bytes);
    return json_names(bytes);
  }
  layout.header = true;
  return open_source(bytes, *format, layout, origin)->header();
}

std::vector<Example> parse_examples(std::string bytes, const std::string& origin, const RecordLayout& layout,
                                    const LabelIndex& labels, const ReadSettings& settings,
                                    RecordReport& report) {
  report = {};
  report.file = origin;
  report.sha256 = sha256(bytes);
  bytes = decoded_text(bytes, origin, report.invalid_bytes); // names archives and workbooks in its error
  const std::optional<DataFormat> format = layout.format ? layout.format : format_of_path(origin);
  if (!format)
    throw DataError(
        origin +
        ": the file extension does not give the format; set --format, or \"format\" in the task's \"data\", to tsv, "
        "csv, jsonl or conll.");
  repair(bytes, origin, report);
  if (*format == DataFormat::jsonl || *format == DataFormat::conll)
    end_lines_with_feeds(bytes); // tables know lines that end with a carriage return from line breaks in texts
  const std::unique_ptr<RecordSource> source = open_source(bytes, *format, layout, origin);
  const RecordLayout found = resolved_columns(layout, *format, source->header(), origin);
  return examples_of(*source, {found, labels, settings.labels_required}, origin, settings, report);
}

std::vector<Example> parse_objects(std::string bytes, const std::string& origin, const LayoutOfKeys& layout_of,
                                   RecordReport& report) {
  report = {};
  report.file = origin;
  bytes = decoded_text(bytes, origin, report.invalid_bytes);
  repair(bytes, origin, report);
  end_lines_with_feeds(bytes);
  const RecordLayout& layout = layout_of(json_names(bytes));
  const std::unique_ptr<RecordSource> source = json_records(bytes, json_columns(layout));
  const RecordLayout found = resolved_columns(layout, DataFormat::jsonl, {}, origin);
  const LabelIndex no_labels;
  return examples_of(*source, {found, no_labels, false}, origin, {.labels_required = false}, report);
}

std::vector<Example> read_examples(const std::filesystem::path& path, const RecordLayout& layout,
                                   const LabelIndex& labels, const ReadSettings& settings,
                                   RecordReport& report) {
  return parse_examples(read_data_bytes(path), path.string(), layout, labels, settings, report);
}

} // namespace cuecard
