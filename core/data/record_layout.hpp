/// Maps the columns of a data file to the parts of an example, and raw label values to labels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cuecard {

enum class DataFormat { tsv, csv, jsonl, conll };

/// "tsv", "csv", "jsonl", "conll".
std::string format_name(DataFormat format);
/// The inverse of `format_name`; none for an unknown name.
std::optional<DataFormat> format_of_name(std::string_view name);
/// The format by file extension (.tsv, .csv, .jsonl, .json, .ndjson, .conll); none for any other.
std::optional<DataFormat> format_of_path(const std::filesystem::path& path);

/// A column by name (from the header, or a JSON key with nested keys joined by dots) or by number, from 1. With
/// both, the name is used if the file has it, else the number.
struct Column {
  std::string name;
  int64_t number = 0; ///< 0: identified by name

  bool operator==(const Column&) const = default;
};

/// A positive integer is a column of that name or number, anything else a name.
Column parse_column(const std::string& text);
/// ',' for ",", a tab for "tab" or "\t", a blank for "blank"; none for what can't separate columns.
std::optional<char> parse_separator(std::string_view text);
/// `column "label"` or `column 2`, for error messages.
std::string describe(const Column& column);

/// Extractive answers as in SQuAD: the answer texts and their start offsets in characters, from 0.
struct SpanColumns {
  std::string field; ///< the field that contains the answers, a key of `fields`
  Column texts, starts;

  bool operator==(const SpanColumns&) const = default;
};

struct RecordLayout {
  std::optional<DataFormat> format; ///< none: inferred from the file extension
  bool header = true;               ///< TSV and CSV: the first record holds the column names
  std::optional<char> separator;    ///< between columns; a blank: any blanks and tabs. None: as the file shows
  std::optional<bool> quotes;       ///< TSV and CSV: RFC 4180 quotation marks; none: as the file shows

  std::map<std::string, Column> fields; ///< keys of Example::fields
  std::map<std::string, Column> words;  ///< keys of Example::words
  std::map<std::string, Column> meta;   ///< keys of Example::meta
  /// Lists of alternatives, stored in Example::words: one column that holds a list, or one column per
  /// alternative.
  std::map<std::string, std::vector<Column>> choices;
  std::optional<Column> label, id, answers, references, card;
  std::optional<SpanColumns> spans;
  /// The label column holds any number of labels of the whole example: a list, or a text with this separator.
  bool multi_label = false;
  std::string label_separator = ",";
  /// The columns `label`, `id`, `answers`, `references`, `card` and `spans` may be missing from the file.
  bool optional_roles = false;

  /// True when no text column is mapped. Then every named column without another role becomes a field (and
  /// words where it is a list) as well as metadata; a column named `meta.NAME` becomes metadata `NAME` only.
  bool has_no_text_columns() const { return fields.empty() && words.empty() && choices.empty(); }

  bool operator==(const RecordLayout&) const = default;
};

/// All columns that the layout names.
std::vector<Column> columns_of(const RecordLayout& layout);

/// One class of a task.
struct TaskLabel {
  std::string name;
  std::vector<std::string> words;  ///< label words for a verbalizer; empty: the name
  std::vector<std::string> values; ///< raw values in data files; the name is always one of them

  bool operator==(const TaskLabel&) const = default;
};

/// One spelling for all spellings of a value: without surrounding blanks, whole numbers without ".0", and true and
/// false in lower case (pandas writes 1 as 1.0 in a column with gaps, Excel writes TRUE).
std::string canonical_value(std::string_view value);

/// The labels in a text such as "a, b", without surrounding blanks; empty ones are none.
std::vector<std::string> split_labels(std::string_view text, std::string_view separator);

/// Maps a raw value of a data file to the index of its label. All spellings of a value are the same.
class LabelIndex {
public:
  LabelIndex() = default;
  /// Throws UsageError when two labels share a value.
  explicit LabelIndex(const std::vector<TaskLabel>& labels);

  bool empty() const { return values_.empty(); }
  /// -1 for an unknown value. A whole number in a spelling that no label has, such as "+1", "01" or "1e0", is the number.
  int64_t find(std::string_view value) const;
  /// All known values, in label order.
  const std::vector<std::string>& known() const { return known_; }

private:
  std::map<std::string, int64_t, std::less<>> values_; ///< by canonical value
  std::vector<std::string> known_;
};

} // namespace cuecard
