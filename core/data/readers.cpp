#include "data/readers.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <system_error>

#include <cuecard/error.hpp>

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

/// Makes one example of one row, or says why it can't.
class ExampleMaker {
public:
  ExampleMaker(const RowLayout& layout, const LabelIndex& labels, bool labels_required)
      : layout_(layout), labels_(labels), labels_required_(labels_required && !labels.empty()) {}

  /// Empty when `example` was made.
  std::string make(const Row& row, Example& example) const {
    if (!row.problem.empty())
      return row.problem;
    example = {};
    example.line = row.line;
    if (std::string problem = fill_text(row, example); !problem.empty())
      return problem;
    for (const auto& [name, column] : layout_.meta) {
      const Cell* cell = find(row, column);
      if (!cell)
        return "it has no " + describe(column);
      example.meta[name] = joined(*cell);
    }
    if (const Cell* cell = find_optional(row, layout_.id))
      example.id = joined(*cell);
    if (const Cell* cell = find_optional(row, layout_.card))
      example.card = joined(*cell);
    if (const Cell* cell = find_optional(row, layout_.answers))
      example.answers = texts_of(*cell);
    if (const Cell* cell = find_optional(row, layout_.references))
      example.references = texts_of(*cell);
    return fill_label(row, example);
  }

private:
  static const Cell* find(const Row& row, const Column& column) {
    if (column.number > 0)
      return column.number <= static_cast<int64_t>(row.cells.size())
                 ? &row.cells[static_cast<std::size_t>(column.number - 1)].second
                 : nullptr;
    for (const auto& [name, cell] : row.cells)
      if (name == column.name)
        return &cell;
    return nullptr;
  }

  static const Cell* find_optional(const Row& row, const std::optional<Column>& column) {
    return column ? find(row, *column) : nullptr;
  }

  static std::string joined(const Cell& cell) {
    if (!cell.list)
      return cell.text;
    std::string text;
    for (const std::string& item : cell.items)
      text.append(text.empty() ? "" : " ").append(item);
    return text;
  }

  static std::vector<std::string> texts_of(const Cell& cell) {
    return cell.list ? cell.items : std::vector<std::string>{cell.text};
  }

  static std::vector<std::string> words_of(const Cell& cell) {
    if (cell.list)
      return cell.items;
    std::istringstream text(cell.text);
    return {std::istream_iterator<std::string>(text), {}};
  }

  std::string fill_text(const Row& row, Example& example) const {
    bool any = false;
    for (const auto& [name, column] : layout_.fields) {
      const Cell* cell = find(row, column);
      if (!cell)
        return "it has no " + describe(column);
      std::string& value = example.fields[name] = joined(*cell);
      any = any || !trimmed(value).empty();
    }
    for (const auto& [name, column] : layout_.words) {
      const Cell* cell = find(row, column);
      if (!cell)
        return "it has no " + describe(column);
      auto& value = example.words[name] = words_of(*cell);
      any = any || !value.empty();
    }
    for (const auto& [name, columns] : layout_.choices) {
      if (std::string problem = take_choices(row, columns, example.words[name]); !problem.empty())
        return problem;
      any = true;
    }
    if (layout_.names_no_text())
      for (const auto& [name, cell] : row.cells)
        any = take_by_name(name, cell, example) || any;
    return any ? "" : "it has no text";
  }

  static std::string take_choices(const Row& row, const std::vector<Column>& columns,
                                  std::vector<std::string>& alternatives) {
    for (const Column& column : columns) {
      const Cell* cell = find(row, column);
      if (!cell)
        return "it has no " + describe(column);
      if (columns.size() > 1)
        alternatives.push_back(joined(*cell));
      else if (cell->list)
        alternatives = cell->items;
      else
        return describe(column) + " is no list of alternatives";
    }
    return "";
  }

  /// True when the column gave a text.
  bool take_by_name(const std::string& name, const Cell& cell, Example& example) const {
    if (name.empty() || used(name))
      return false;
    constexpr std::string_view side = "meta.";
    example.meta[name.starts_with(side) ? name.substr(side.size()) : name] = joined(cell);
    if (name.starts_with(side))
      return false;
    if (cell.list)
      example.words[name] = cell.items;
    return !trimmed(example.fields[name] = joined(cell)).empty();
  }

  /// Whether a named column has a role of its own.
  bool used(const std::string& name) const {
    const auto is = [&](const std::optional<Column>& column) { return column && column->name == name; };
    return is(layout_.label) || is(layout_.id) || is(layout_.answers) || is(layout_.references) ||
           is(layout_.card) || std::any_of(layout_.meta.begin(), layout_.meta.end(), [&](const auto& entry) {
             return entry.second.name == name;
           });
  }

  std::string fill_label(const Row& row, Example& example) const {
    if (labels_.empty() || !layout_.label)
      return "";
    const Cell* cell = find(row, *layout_.label);
    if (!cell || (!cell->list && trimmed(cell->text).empty()))
      return labels_required_ ? "it has no label (" + describe(*layout_.label) + ")" : "";
    std::vector<int64_t> found;
    for (const std::string& value : texts_of(*cell)) {
      found.push_back(labels_.find(value));
      if (found.back() < 0 && labels_required_)
        return "its label \"" + shown(value) + "\" is none of " + known_values();
    }
    if (!cell->list) {
      example.label = found[0];
      return "";
    }
    example.word_labels = std::move(found);
    for (const auto& [name, words] : example.words)
      if (words.size() != example.word_labels.size())
        return "it has " + std::to_string(example.word_labels.size()) + " labels for " +
               std::to_string(words.size()) + " words";
    return "";
  }

  std::string known_values() const {
    std::string text;
    for (std::size_t i = 0; i < labels_.known().size() && i < 12; ++i)
      text.append(text.empty() ? "\"" : ", \"").append(shown(labels_.known()[i])).append("\"");
    return labels_.known().size() > 12 ? text + ", ..." : text;
  }

  const RowLayout& layout_;
  const LabelIndex& labels_;
  bool labels_required_;
};

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
