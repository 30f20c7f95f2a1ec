#include "data/readers.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>

#include <cuecard/error.hpp>

#include "data/example_maker.hpp"
#include "data/row.hpp"
#include "data/text.hpp"
#include "model/sha256.hpp"

namespace cuecard {

namespace {

std::unique_ptr<RowSource> open_rows(std::string_view bytes, DataFormat format, bool header,
                                     const std::string& origin) {
  switch (format) {
  case DataFormat::tsv:
    return delimited_rows(bytes, '\t', header, origin);
  case DataFormat::csv:
    return delimited_rows(bytes, ',', header, origin);
  case DataFormat::jsonl:
    return json_rows(bytes, origin);
  case DataFormat::conll:
    return conll_rows(bytes);
  }
  throw UsageError(origin + ": the data format is unknown.");
}

std::vector<Column> mapped_columns(const RowLayout& layout) {
  std::vector<Column> columns;
  for (const auto* map : {&layout.fields, &layout.words, &layout.meta})
    for (const auto& [name, column] : *map)
      columns.push_back(column);
  for (const auto& [name, alternatives] : layout.choices)
    columns.insert(columns.end(), alternatives.begin(), alternatives.end());
  for (const auto* column : {&layout.label, &layout.id, &layout.answers, &layout.references, &layout.card})
    if (*column && !layout.roles_may_lack)
      columns.push_back(**column);
  if (layout.spans && !layout.roles_may_lack)
    columns.insert(columns.end(), {layout.spans->texts, layout.spans->starts});
  return columns;
}

/// A name that the header lacks, or a name where columns have none, is wrong for every row: better said once.
void check_columns(const RowLayout& layout, DataFormat format, const RowSource& rows,
                   const std::string& origin) {
  const std::vector<std::string>& header = rows.header();
  for (const Column& column : mapped_columns(layout)) {
    if (column.number > 0 && format == DataFormat::jsonl)
      throw DataError(origin + ": JSON lines have keys and no " + describe(column) + "; give the key's name.");
    if (column.number > 0)
      continue;
    if (!header.empty() && std::find(header.begin(), header.end(), column.name) == header.end())
      throw DataError(origin + ", line 1: the header has no " + describe(column) + "." +
                      did_you_mean(column.name, header));
    if (header.empty() && format != DataFormat::jsonl)
      throw DataError(origin + ": its columns have no names, so " + describe(column) +
                      " must be given by number, from 1.");
  }
  if (layout.names_no_text() && header.empty() && format != DataFormat::jsonl)
    throw DataError(origin + ": its columns have no names; say which column number holds which field.");
}

} // namespace

std::string RowReport::summary(std::size_t most) const {
  std::string text;
  if (!skipped.empty()) {
    text = file + ": " + std::to_string(skipped.size()) + " of " + std::to_string(rows) +
           (rows == 1 ? " row" : " rows") + " skipped (";
    for (std::size_t i = 0; i < skipped.size() && i < most; ++i)
      text.append(i ? "; " : "").append("line " + std::to_string(skipped[i].line) + ": " + skipped[i].reason);
    text += skipped.size() > most ? "; ...)" : ")";
  }
  if (invalid_bytes > 0)
    text.append(text.empty() ? file + ": " : "; ")
        .append(std::to_string(invalid_bytes) + " ill-formed UTF-8 sequences read as U+FFFD");
  return text.empty() ? text : text + ".";
}

std::string read_data_bytes(const std::filesystem::path& path) {
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure))
    throw DataError(path.string() + ": this is a folder; a data file was expected.");
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

std::vector<Example> examples_of(std::string bytes, const std::string& origin, const RowLayout& layout,
                                 const LabelIndex& labels, const ReadSettings& settings, RowReport& report) {
  report = {};
  report.file = origin;
  report.sha256 = sha256(bytes);
  if (trimmed(bytes).empty())
    throw DataError(origin + ": the data file is empty.");
  const std::optional<DataFormat> format = layout.format ? layout.format : format_of_path(origin);
  if (!format)
    throw DataError(origin + ": its name does not say its format; say which of tsv, csv, jsonl, conll it is.");
  if (bytes.starts_with("\xEF\xBB\xBF"))
    bytes.erase(0, 3);
  report.invalid_bytes = replace_invalid_utf8(bytes);

  const std::unique_ptr<RowSource> rows = open_rows(bytes, *format, layout.header, origin);
  check_columns(layout, *format, *rows, origin);
  const ExampleMaker maker(layout, labels, settings.labels_required);
  std::vector<Example> examples;
  for (Row row; rows->next(row); ++report.rows) {
    Example example;
    std::string problem = maker.make(row, example);
    if (problem.empty())
      examples.push_back(std::move(example));
    else if (settings.strict)
      throw DataError(origin + ", line " + std::to_string(row.line) + ": the row can't be used: " + problem +
                      ".");
    else
      report.skipped.push_back({row.line, std::move(problem)});
  }
  if (report.rows == 0)
    throw DataError(origin + ": the data file has a header and no rows.");
  if (examples.empty())
    throw DataError(origin + ": none of its " + std::to_string(report.rows) + " rows can be used; line " +
                    std::to_string(report.skipped[0].line) + ": " + report.skipped[0].reason + ".");
  return examples;
}

std::vector<Example> read_examples(const std::filesystem::path& path, const RowLayout& layout,
                                   const LabelIndex& labels, const ReadSettings& settings, RowReport& report) {
  return examples_of(read_data_bytes(path), path.string(), layout, labels, settings, report);
}

} // namespace cuecard
