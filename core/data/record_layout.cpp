#include "data/record_layout.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <cuecard/error.hpp>

#include "data/text.hpp"

namespace cuecard {

std::string format_name(DataFormat format) {
  switch (format) {
  case DataFormat::tsv:
    return "tsv";
  case DataFormat::csv:
    return "csv";
  case DataFormat::jsonl:
    return "jsonl";
  case DataFormat::conll:
    return "conll";
  }
  return "";
}

std::optional<DataFormat> format_of_name(std::string_view name) {
  for (const auto format : {DataFormat::tsv, DataFormat::csv, DataFormat::jsonl, DataFormat::conll})
    if (name == format_name(format))
      return format;
  return std::nullopt;
}

std::optional<DataFormat> format_of_path(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  if (extension == ".ndjson" || extension == ".json")
    extension = ".jsonl";
  return extension.empty() ? std::nullopt : format_of_name(std::string_view(extension).substr(1));
}

Column parse_column(const std::string& text) {
  const bool number = !text.empty() && text.size() < 7 && text.find_first_not_of("0123456789") == text.npos;
  if (number && std::stoll(text) > 0)
    return {text, std::stoll(text)};
  return {text, 0};
}

std::string describe(const Column& column) {
  return column.name.empty() ? "column " + std::to_string(column.number) : "column \"" + column.name + "\"";
}

std::optional<char> parse_separator(std::string_view text) {
  if (text == "tab" || text == "\\t")
    return '\t';
  if (text == "blank")
    return ' ';
  const bool fits = text.size() == 1 && static_cast<unsigned char>(text[0]) < 0x7F && text[0] != '"' &&
                    text[0] != '\n' && text[0] != '\r' && text[0] != '\0';
  return fits ? std::optional(text[0]) : std::nullopt;
}

std::vector<Column> columns_of(const RecordLayout& layout) {
  std::vector<Column> columns;
  for (const auto* map : {&layout.fields, &layout.words, &layout.meta})
    for (const auto& [name, column] : *map)
      columns.push_back(column);
  for (const auto& [name, alternatives] : layout.choices)
    columns.insert(columns.end(), alternatives.begin(), alternatives.end());
  for (const auto* column : {&layout.label, &layout.id, &layout.answers, &layout.references, &layout.card})
    if (*column)
      columns.push_back(**column);
  if (layout.spans)
    columns.insert(columns.end(), {layout.spans->texts, layout.spans->starts});
  return columns;
}

std::string canonical_value(std::string_view value) {
  constexpr std::string_view no_break_space = "\xC2\xA0"; // Excel leaves them around pasted texts
  value = trimmed(value);
  while (value.starts_with(no_break_space))
    value = trimmed(value.substr(no_break_space.size()));
  while (value.ends_with(no_break_space))
    value = trimmed(value.substr(0, value.size() - no_break_space.size()));
  std::string lower(value);
  for (char& letter : lower)
    letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  if (lower == "true" || lower == "false")
    return lower;
  const std::size_t digits = value.starts_with('-') ? 1 : 0, point = value.find('.');
  const bool whole = point != value.npos && point > digits && point + 1 < value.size() &&
                     value.substr(digits, point - digits).find_first_not_of("0123456789") == value.npos &&
                     value.substr(point + 1).find_first_not_of('0') == value.npos;
  return std::string(whole ? value.substr(0, point) : value);
}

namespace {

/// A whole number in the spelling "-12", from others such as "+1", "01" and "1e0"; none for any other text.
std::optional<std::string> canonical_number(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') || text.starts_with('+'));
  const auto is_digit = [](char byte) { return byte >= '0' && byte <= '9'; };
  if (digits.empty() || !is_digit(digits.front()) || !is_digit(digits.back()))
    return std::nullopt;
  double value = 0;
  const auto [rest, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  constexpr double exact = 9007199254740992; // 2^53: from here on float64 skips whole numbers
  if (failure != std::errc() || rest != digits.data() + digits.size() || value >= exact ||
      value != std::floor(value))
    return std::nullopt;
  return (text.starts_with('-') && value > 0 ? "-" : "") + std::to_string(static_cast<int64_t>(value));
}

} // namespace

std::vector<std::string> split_labels(std::string_view text, std::string_view separator) {
  std::vector<std::string> labels;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    if (const std::string_view label = trimmed(text.substr(begin, end - begin)); !label.empty())
      labels.emplace_back(label);
    begin = end + separator.size();
  }
  return labels;
}

LabelIndex::LabelIndex(const std::vector<TaskLabel>& labels) {
  for (std::size_t label = 0; label < labels.size(); ++label) {
    for (std::size_t other = 0; other < label; ++other)
      if (labels[other].name == labels[label].name)
        throw UsageError("two labels have the same name, \"" + labels[label].name + "\"; rename one of them.");
    std::vector<std::string> values = labels[label].values;
    if (std::find(values.begin(), values.end(), labels[label].name) == values.end())
      values.push_back(labels[label].name);
    for (const std::string& value : values) {
      const std::string key = canonical_value(value);
      const auto [entry, fresh] = values_.emplace(key, static_cast<int64_t>(label));
      if (!fresh && entry->second != static_cast<int64_t>(label))
        throw UsageError("the value \"" + key + "\" belongs to two labels, \"" +
                         labels[static_cast<std::size_t>(entry->second)].name + "\" and \"" +
                         labels[label].name + "\"; assign each value to one label only.");
      if (fresh)
        known_.emplace_back(trimmed(value));
    }
  }
}

int64_t LabelIndex::find(std::string_view value) const {
  const std::string key = canonical_value(value);
  auto found = values_.find(key);
  // Second, so that a label whose value is declared as "01" stays apart from one with "1".
  if (found == values_.end())
    if (const std::optional<std::string> number = canonical_number(key))
      found = values_.find(*number);
  return found == values_.end() ? -1 : found->second;
}

} // namespace cuecard
