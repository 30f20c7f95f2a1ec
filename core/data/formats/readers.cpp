#include "data/formats/readers.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
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

std::unique_ptr<RecordSource> open_source(std::string_view bytes, DataFormat format, const RecordLayout& layout,
                                          const std::string& origin) {
  switch (format) {
  case DataFormat::tsv:
  case DataFormat::csv:
    return delimited_records(bytes, dialect_of(bytes, format == DataFormat::tsv ? '\t' : ',', layout, origin),
                             layout.header, origin);
  case DataFormat::jsonl:
    return json_records(bytes);
  case DataFormat::conll:
    return conll_records(bytes, layout.separator, origin);
  }
  throw UsageError(origin + ": the data format is unknown.");
}

} // namespace

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

std::vector<std::string> column_names(std::string bytes, const std::string& origin, RecordLayout layout) {
  const std::optional<DataFormat> format = layout.format ? layout.format : format_of_path(origin);
  int64_t invalid = 0;
  bytes = decoded_text(bytes, origin, invalid);
  if (!format || *format == DataFormat::conll || trimmed(bytes).empty())
    return {};
  layout.header = true;
  const std::unique_ptr<RecordSource> source = open_source(bytes, *format, layout, origin);
  if (*format != DataFormat::jsonl)
    return source->header();
  constexpr int few = 100; // an object may lack a key, or have null
  std::vector<std::string> names;
  Record record;
  for (int i = 0; i < few && source->next(record); ++i)
    for (const auto& [name, cell] : record.cells)
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
  return names;
}

std::vector<Example> parse_examples(std::string bytes, const std::string& origin, const RecordLayout& layout,
                                    const LabelIndex& labels, const ReadSettings& settings,
                                    RecordReport& report) {
  report = {};
  report.file = origin;
  report.sha256 = sha256(bytes);
  bytes = decoded_text(bytes, origin, report.invalid_bytes); // says what archives and workbooks are
  const std::optional<DataFormat> format = layout.format ? layout.format : format_of_path(origin);
  if (!format)
    throw DataError(origin +
                    ": the file extension does not give the format; set it to tsv, csv, jsonl or conll.");
  report.invalid_bytes += replace_invalid_utf8(bytes);
  if (trimmed(bytes).empty())
    throw DataError(origin + ": the data file is empty.");

  const std::unique_ptr<RecordSource> source = open_source(bytes, *format, layout, origin);
  const RecordLayout found = resolved_columns(layout, *format, source->header(), origin);
  const ExampleMaker maker(found, labels, settings.labels_required);
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
      report.skipped.push_back({record.line, std::move(problem), report.records, std::move(example.id)});
  }
  const RecordNotes notes = source->notes();
  report.invalid_bytes += notes.json.lone_surrogates;
  report.repeated_keys = notes.json.repeated_keys;
  report.kept_quotes = notes.kept_quotes;
  report.after_quotes = notes.after_quotes;
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

std::vector<Example> read_examples(const std::filesystem::path& path, const RecordLayout& layout,
                                   const LabelIndex& labels, const ReadSettings& settings,
                                   RecordReport& report) {
  return parse_examples(read_data_bytes(path), path.string(), layout, labels, settings, report);
}

} // namespace cuecard
