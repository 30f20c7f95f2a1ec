/// Which columns of a data file become what of an example, and how raw label values name labels.
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
/// The format of that name, or none.
std::optional<DataFormat> format_of_name(std::string_view name);
/// The format that a file's extension says (.tsv, .csv, .jsonl, .ndjson, .conll), or none.
std::optional<DataFormat> format_of_path(const std::filesystem::path& path);

/// A column by its name (in the header, or the key of a JSON line, nested keys joined by dots) or by its
/// number from 1.
struct Column {
  std::string name;
  int64_t number = 0; ///< 0: by name

  bool operator==(const Column&) const = default;
};

/// `3` is a number and everything else a name.
Column column_of_text(const std::string& text);
/// `column "label"` or `column 2`, for messages.
std::string describe(const Column& column);

/// Answers that are parts of a field, as SQuAD writes them: what each says, and at which character, from 0.
struct SpanColumns {
  std::string field; ///< a name under `fields`
  Column texts, starts;
};

struct RowLayout {
  std::optional<DataFormat> format; ///< none: by the file's extension
  bool header = true;               ///< of tsv and csv: the first record names the columns

  std::map<std::string, Column> fields; ///< Example::fields by name
  std::map<std::string, Column> words;  ///< Example::words by name
  std::map<std::string, Column> meta;   ///< Example::meta by name
  /// Lists of alternatives, which are Example::words too: one column that holds a list, or a column for each.
  std::map<std::string, std::vector<Column>> choices;
  std::optional<Column> label, id, answers, references, card;
  std::optional<SpanColumns> spans;
  /// `label`, `id`, `answers`, `references`, `card` and `spans` are only looked for: a file without them is
  /// fine.
  bool roles_may_lack = false;

  /// True when nothing names a text column: then every named column that nothing else uses is a field (a list
  /// of words where it is a list) and side data by its own name, without `meta.` in front.
  bool names_no_text() const { return fields.empty() && words.empty() && choices.empty(); }
};

/// A label of a task.
struct TaskLabel {
  std::string name;
  std::vector<std::string> words;  ///< what a verbalizer may look for; empty: the name
  std::vector<std::string> values; ///< how data files write it; the name always counts as one

  bool operator==(const TaskLabel&) const = default;
};

/// From a raw value in a data file to the index of its label. Surrounding blanks are ignored.
class LabelIndex {
public:
  LabelIndex() = default;
  /// Throws UsageError when one value stands for two labels.
  explicit LabelIndex(const std::vector<TaskLabel>& labels);

  bool empty() const { return values_.empty(); }
  /// -1 when no label has that value.
  int64_t find(std::string_view value) const;
  /// The values that are known, in the order of the labels.
  const std::vector<std::string>& known() const { return known_; }

private:
  std::map<std::string, int64_t, std::less<>> values_;
  std::vector<std::string> known_;
};

} // namespace cuecard
