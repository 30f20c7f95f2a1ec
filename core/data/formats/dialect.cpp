#include "data/formats/dialect.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <cuecard/error.hpp>

#include "data/formats/record.hpp"
#include "data/text.hpp"

namespace cuecard {

namespace {

constexpr int64_t sampled_records = 1000;

/// The first records; none if they can't be parsed.
std::vector<Record> first_records(std::string_view bytes, Dialect dialect, int64_t most) {
  std::vector<Record> records;
  try {
    const auto source = delimited_records(bytes, dialect, false, "");
    for (Record record; std::ssize(records) < most && source->next(record);)
      if (record.problem.empty())
        records.push_back(std::move(record));
  } catch (const DataError&) {
    records.clear();
  }
  return records;
}

/// The number of columns that all records have; 0 if they differ.
int64_t common_columns(const std::vector<Record>& records) {
  const auto same = [&](const Record& record) { return record.cells.size() == records[0].cells.size(); };
  return !records.empty() && std::all_of(records.begin(), records.end(), same) ? std::ssize(records[0].cells)
                                                                               : 0;
}

/// The columns that a header must have, but for those of spans.
std::vector<Column> named_columns(RecordLayout layout) {
  layout.spans = std::nullopt;
  if (layout.optional_roles)
    for (auto* column : {&layout.label, &layout.id, &layout.answers, &layout.references, &layout.card})
      *column = std::nullopt;
  return columns_of(layout);
}

bool fits_header(const Record& header, const std::vector<Column>& columns) {
  return std::all_of(columns.begin(), columns.end(), [&](const Column& column) {
    return (column.number > 0 && column.number <= std::ssize(header.cells)) ||
           std::any_of(header.cells.begin(), header.cells.end(), [&](const auto& cell) {
             return !column.name.empty() && trimmed(cell.second.text) == trimmed(column.name);
           });
  });
}

int64_t highest_number(const std::vector<Column>& columns) {
  int64_t highest = 0;
  for (const Column& column : columns)
    highest = std::max(highest, column.number);
  return highest;
}

/// Whether a separator gives what the layout asks for.
bool fits(std::string_view bytes, Dialect dialect, bool header, const std::vector<Column>& columns) {
  if (header && !columns.empty()) {
    const std::vector<Record> first = first_records(bytes, dialect, 1);
    return !first.empty() && fits_header(first[0], columns);
  }
  return common_columns(first_records(bytes, dialect, sampled_records)) >=
         std::max<int64_t>(2, highest_number(columns));
}

char separator_of(std::string_view bytes, Dialect usual, const RecordLayout& layout,
                  const std::string& origin) {
  const std::vector<Column> columns = named_columns(layout);
  const std::vector<Record> first = first_records(bytes, usual, 1);
  // One column is enough if the header has what is named, or if nothing but the first column is asked for.
  const bool one_will_do = layout.header ? columns.empty() && !first.empty() && first[0].cells.size() > 1
                                         : highest_number(columns) < 2;
  if (one_will_do || fits(bytes, usual, layout.header, columns))
    return usual.separator;
  std::vector<char> fitting;
  for (const char separator : {',', ';', '\t', '|'})
    if (separator != usual.separator && fits(bytes, {separator, true}, layout.header, columns))
      fitting.push_back(separator);
  if (fitting.size() == 1)
    return fitting[0];
  if (!layout.header || !columns.empty() || first.empty())
    return usual.separator;
  for (const char separator : {',', ';', '\t', '|'})
    if (separator != usual.separator && first[0].cells[0].second.text.find(separator) != std::string::npos)
      throw DataError(origin + ", line 1: the header is one column, \"" + shown(first[0].cells[0].second.text) +
                      "\", or several between \"" + (separator == '\t' ? "tab" : std::string(1, separator)) +
                      "\"; say which with \"separator\" in the task file or --separator.");
  return usual.separator;
}

/// What a quoted field of a TSV file holds.
struct QuotedFields {
  int64_t special = 0; ///< with a tab, a line break or a quotation mark: no writer leaves these bare
  int64_t commas = 0;  ///< with a comma, which Excel quotes
  int64_t plain = 0;   ///< nothing that needs quotation marks
  int64_t bare_commas = 0, bare_marks = 0; ///< fields without quotation marks that hold these
  bool whole_columns = true;               ///< each column has them in all records, or in none
  bool in_first = false;                   ///< the first record has some
  int64_t fields = 0;                      ///< with and without
  int64_t all() const { return special + commas + plain; }
};

/// Reads TSV with quotation marks; none if a field that begins with one has not its end where the field ends, or if
/// records differ in their number of columns.
std::optional<QuotedFields> quoted_fields(std::string_view bytes, bool header) {
  QuotedFields found;
  std::vector<bool> record,
      pattern; // which fields have quotation marks, in this record and in the first of data
  std::size_t columns = 0, records = 0;
  const auto end_record = [&] {
    if (records == 0) {
      columns = record.size();
      found.in_first = std::find(record.begin(), record.end(), true) != record.end();
    }
    if (!header || records > 0) {
      if (pattern.empty())
        pattern = record;
      found.whole_columns = found.whole_columns && record == pattern;
    }
    found.fields += std::ssize(record);
    ++records;
    const bool same = record.size() == columns;
    record.clear();
    return same;
  };
  for (std::size_t at = 0; at <= bytes.size();) {
    const bool quoted = at < bytes.size() && bytes[at] == '"';
    std::size_t end = at + quoted;
    bool special = false, comma = false, mark = false;
    for (; end < bytes.size(); ++end) {
      const char byte = bytes[end];
      comma = comma || byte == ',';
      if (!quoted) {
        if (byte == '\t' || byte == '\n')
          break;
        mark = mark || byte == '"';
      } else if (byte == '"') {
        if (end + 1 >= bytes.size() || bytes[end + 1] != '"')
          break;
        special = true;
        ++end;
      } else {
        special = special || byte == '\t' || byte == '\n' || byte == '\r';
      }
    }
    if (quoted && end >= bytes.size())
      return std::nullopt;
    end += quoted;
    if (end < bytes.size() && bytes[end] == '\r')
      ++end;
    if (end < bytes.size() && bytes[end] != '\t' && bytes[end] != '\n')
      return std::nullopt;
    record.push_back(quoted);
    found.special += quoted && special;
    found.commas += quoted && !special && comma;
    found.plain += quoted && !special && !comma;
    found.bare_commas += !quoted && comma;
    found.bare_marks += !quoted && mark;
    if ((end >= bytes.size() || bytes[end] == '\n') && !end_record())
      return std::nullopt;
    at = end + 1;
  }
  return found;
}

/// Whether the quotation marks of a TSV file were added by a writer; `kept` counts them where that is not sure.
bool has_tsv_quotes(std::string_view bytes, bool header, int64_t& kept) {
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r'))
    bytes.remove_suffix(1);
  const std::optional<QuotedFields> found = quoted_fields(bytes, header);
  if (!found || found->all() == 0)
    return false;
  const bool all_quoted = (header && found->in_first) || found->all() == found->fields ||
                          (found->whole_columns && found->special > 0);
  const bool as_pandas = found->special > 0 && found->commas + found->plain + found->bare_marks == 0;
  const bool as_excel = found->plain + found->bare_commas + found->bare_marks == 0;
  if (all_quoted || as_pandas || as_excel)
    return true;
  kept = found->all();
  return false;
}

/// The separator that Excel's line `sep=;` names; none for any other line. Programs that write the line as a value add
/// quotation marks, and Excel takes capital letters, too.
std::optional<char> separator_of_line(std::string_view line) {
  if (line.size() > 1 && line.starts_with('"') && line.ends_with('"'))
    line = line.substr(1, line.size() - 2);
  constexpr std::string_view key = "sep=";
  const bool named =
      line.size() > key.size() && std::equal(key.begin(), key.end(), line.begin(), [](char lower, char byte) {
        return byte == lower || (byte >= 'A' && byte <= 'Z' && byte - 'A' + 'a' == lower);
      });
  if (!named || !trimmed(line.substr(key.size() + 1)).empty())
    return std::nullopt;
  return line[key.size()];
}

} // namespace

Dialect dialect_of(std::string_view bytes, char usual, const RecordLayout& layout, const std::string& origin) {
  Dialect dialect{usual, true};
  const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
  const std::optional<char> named = separator_of_line(bytes.substr(0, end));
  if (named)
    dialect.begin = std::min(end + (bytes.substr(end).starts_with("\r\n") ? 2 : 1), bytes.size());
  if (layout.separator || named)
    dialect.separator = layout.separator ? *layout.separator : *named;
  const std::string_view records = bytes.substr(dialect.begin);
  int64_t kept = 0;
  const bool tsv = usual == '\t' && dialect.separator == '\t';
  if (tsv)
    dialect.quotes = layout.quotes.value_or(has_tsv_quotes(records, layout.header, kept));
  if (!layout.separator && dialect.begin == 0)
    dialect.separator = separator_of(records, dialect, layout, origin);
  if (layout.quotes)
    dialect.quotes = *layout.quotes;
  else if (dialect.separator != '\t')
    dialect.quotes = true;
  dialect.kept_quotes = dialect.separator == '\t' ? kept : 0;
  return dialect;
}

} // namespace cuecard
