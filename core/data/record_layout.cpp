#include "data/record_layout.hpp"

#include <algorithm>

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
    return {"", std::stoll(text)};
  return {text, 0};
}

std::string describe(const Column& column) {
  return column.number > 0 ? "column " + std::to_string(column.number) : "column \"" + column.name + "\"";
}

LabelIndex::LabelIndex(const std::vector<TaskLabel>& labels) {
  for (std::size_t label = 0; label < labels.size(); ++label) {
    std::vector<std::string> values = labels[label].values;
    if (std::find(values.begin(), values.end(), labels[label].name) == values.end())
      values.push_back(labels[label].name);
    for (const std::string& value : values) {
      const std::string key(trimmed(value));
      const auto [entry, fresh] = values_.emplace(key, static_cast<int64_t>(label));
      if (!fresh && entry->second != static_cast<int64_t>(label))
        throw UsageError("The value \"" + key + "\" belongs to two labels, \"" +
                         labels[static_cast<std::size_t>(entry->second)].name + "\" and \"" +
                         labels[label].name + "\"; assign each value to one label only.");
      if (fresh)
        known_.push_back(key);
    }
  }
}

int64_t LabelIndex::find(std::string_view value) const {
  const auto found = values_.find(trimmed(value));
  return found == values_.end() ? -1 : found->second;
}

} // namespace cuecard
