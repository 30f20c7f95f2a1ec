#include "data/readers.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>

#include <cuecard/error.hpp>

#include "data/example_maker.hpp"
#include "data/record.hpp"
#include "data/text.hpp"
#include "data/text_decoder.hpp"
#include "files/sha256.hpp"

namespace cuecard {

namespace {

std::unique_ptr<RecordSource> open_source(std::string_view bytes, DataFormat format, bool header,
                                          const std::string& origin) {
  switch (format) {
  case DataFormat::tsv:
    return delimited_records(bytes, '\t', header, origin);
  case DataFormat::csv:
    return delimited_records(bytes, ',', header, origin);
  case DataFormat::jsonl:
    return json_records(bytes);
  case DataFormat::conll:
    return conll_records(bytes);
  }
  throw UsageError(origin + ": the data format is unknown.");
}

std::vector<Column> mapped_columns(const RecordLayout& layout) {
  std::vector<Column> columns;
  for (const auto* map : {&layout.fields, &layout.words, &layout.meta})
    for (const auto& [name, column] : *map)
      columns.push_back(column);
  for (const auto& [name, alternatives] : layout.choices)
    columns.insert(columns.end(), alternatives.begin(), alternatives.end());
  for (const auto* column : {&layout.label, &layout.id, &layout.answers, &layout.references, &layout.card})
    if (*column && !layout.optional_roles)
      columns.push_back(**column);
  if (layout.spans && !layout.optional_roles)
    columns.insert(columns.end(), {layout.spans->texts, layout.spans->starts});
  return columns;
}

/// A mapped column that the file cannot have would fail for every record; report it once instead.
void check_columns(const RecordLayout& layout, DataFormat format, const RecordSource& source,
                   const std::string& origin) {
  const std::vector<std::string>& header = source.header();
  for (const Column& column : mapped_columns(layout)) {
    if (column.number > 0 && format == DataFormat::jsonl)
      throw DataError(origin + ": JSON Lines have keys, not column numbers such as " +
                      std::to_string(column.number) + "; refer to the column by its key.");
    if (column.number > 0)
      continue;
    if (!header.empty() && std::find(header.begin(), header.end(), column.name) == header.end())
      throw DataError(origin + ", line 1: the header has no " + describe(column) + "." +
                      did_you_mean(column.name, header));
    if (header.empty() && format != DataFormat::jsonl)
      throw DataError(origin + ": its columns have no names, so " + describe(column) +
                      " must be given by number, from 1.");
  }
  if (layout.has_no_text_columns() && header.empty() && format != DataFormat::jsonl)
    throw DataError(origin + ": its columns have no names; map each field to a column number.");
}

} // namespace

std::string RecordReport::summary(std::size_t most) const {
  std::string text;
  if (!skipped.empty()) {
    text = file + ": " + std::to_string(skipped.size()) + " of " + std::to_string(records) +
           (records == 1 ? " example" : " examples") + " skipped (";
    for (std::size_t i = 0; i < skipped.size() && i < most; ++i)
      text.append(i ? "; " : "").append("line " + std::to_string(skipped[i].line) + ": " + skipped[i].reason);
    text += skipped.size() > most ? "; ...)" : ")";
  }
  const auto note = [&](int64_t count, const std::string& one, const std::string& several) {
    if (count > 0)
      text.append(text.empty() ? file + ": " : "; ")
          .append(std::to_string(count) + " " + (count == 1 ? one : several));
  };
  note(invalid_bytes, "ill-formed character was read as U+FFFD (is the file in UTF-8?)",
       "ill-formed characters were read as U+FFFD (is the file in UTF-8?)");
  note(repeated_keys, "key stood twice in its object, and its last value was taken",
       "keys stood twice in their objects, and their last values were taken");
  return text.empty() ? text : text + ".";
}

std::string read_data_bytes(const std::filesystem::path& path) {
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure))
    throw DataError(path.string() + ": is a folder; a data file was expected.");
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

std::vector<Example> parse_examples(std::string bytes, const std::string& origin, const RecordLayout& layout,
                                    const LabelIndex& labels, const ReadSettings& settings,
                                    RecordReport& report) {
  report = {};
  report.file = origin;
  report.sha256 = sha256(bytes);
  const std::optional<DataFormat> format = layout.format ? layout.format : format_of_path(origin);
  if (!format)
    throw DataError(origin +
                    ": the file extension does not give the format; set it to tsv, csv, jsonl or conll.");
  bytes = decoded_text(bytes, origin, report.invalid_bytes);
  report.invalid_bytes += replace_invalid_utf8(bytes);
  if (trimmed(bytes).empty())
    throw DataError(origin + ": the data file is empty.");

  const std::unique_ptr<RecordSource> source = open_source(bytes, *format, layout.header, origin);
  check_columns(layout, *format, *source, origin);
  const ExampleMaker maker(layout, labels, settings.labels_required);
  std::vector<Example> examples;
  for (Record record; source->next(record); ++report.records) {
    Example example;
    std::string problem = maker.make(record, example);
    if (problem.empty())
      examples.push_back(std::move(example));
    else if (settings.strict)
      throw DataError(origin + ", line " + std::to_string(record.line) +
                      ": the example can't be used: " + problem + ".");
    else
      report.skipped.push_back({record.line, std::move(problem)});
  }
  const RecordNotes notes = source->notes();
  report.invalid_bytes += notes.json.lone_surrogates;
  report.repeated_keys = notes.json.repeated_keys;
  if (report.records == 0)
    throw DataError(origin + ": the data file has a header but no rows.");
  if (examples.empty())
    throw DataError(origin + ": none of its examples can be used (" + std::to_string(report.records) +
                    " read); line " + std::to_string(report.skipped[0].line) + ": " + report.skipped[0].reason +
                    ".");
  return examples;
}

std::vector<Example> read_examples(const std::filesystem::path& path, const RecordLayout& layout,
                                   const LabelIndex& labels, const ReadSettings& settings,
                                   RecordReport& report) {
  return parse_examples(read_data_bytes(path), path.string(), layout, labels, settings, report);
}

} // namespace cuecard
