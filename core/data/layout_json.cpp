#include "data/layout_json.hpp"

#include <nlohmann/json.hpp>

namespace cuecard {

namespace {

using nlohmann::ordered_json;

ordered_json column_json(const Column& column) {
  return column.name.empty() ? ordered_json(column.number) : ordered_json(column.name);
}

void add_columns(ordered_json& object, const char* key, const std::map<std::string, Column>& columns) {
  for (const auto& [name, column] : columns)
    object[key][name] = column_json(column);
}

void add_column(ordered_json& object, const char* key, const std::optional<Column>& column) {
  if (column)
    object[key] = column_json(*column);
}

std::string separator_name(char separator) {
  return separator == '\t' ? "tab" : separator == ' ' ? "blank" : std::string(1, separator);
}

} // namespace

const std::vector<std::string>& layout_keys() {
  static const std::vector<std::string> keys{"format", "header",  "separator",  "quotes", "fields",
                                             "words",  "meta",    "choices",    "label",  "label_separator",
                                             "id",     "answers", "references", "spans"};
  return keys;
}

ordered_json json_of_layout(const RecordLayout& layout) {
  ordered_json object = ordered_json::object();
  if (layout.format)
    object["format"] = format_name(*layout.format);
  if (!layout.header)
    object["header"] = false;
  if (layout.separator)
    object["separator"] = separator_name(*layout.separator);
  if (layout.quotes)
    object["quotes"] = *layout.quotes;
  add_columns(object, "fields", layout.fields);
  add_columns(object, "words", layout.words);
  add_columns(object, "meta", layout.meta);
  for (const auto& [name, columns] : layout.choices) {
    ordered_json list = ordered_json::array();
    for (const Column& column : columns)
      list.push_back(column_json(column));
    object["choices"][name] = columns.size() == 1 ? list[0] : list;
  }
  add_column(object, "label", layout.label);
  if (layout.label_separator != RecordLayout().label_separator)
    object["label_separator"] = layout.label_separator;
  add_column(object, "id", layout.id);
  add_column(object, "answers", layout.answers);
  add_column(object, "references", layout.references);
  if (layout.spans)
    object["spans"] = {{"field", layout.spans->field},
                       {"texts", column_json(layout.spans->texts)},
                       {"starts", column_json(layout.spans->starts)}};
  return object;
}

} // namespace cuecard
