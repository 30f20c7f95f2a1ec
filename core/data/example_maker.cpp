#include "data/example_maker.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>

#include <cuecard/error.hpp>

#include "data/formats/json_value.hpp"
#include "data/text.hpp"

namespace cuecard {

namespace {

const Cell* find(const Record& record, const Column& column) {
  if (column.number > 0)
    return column.number <= static_cast<int64_t>(record.cells.size())
               ? &record.cells[static_cast<std::size_t>(column.number - 1)].second
               : nullptr;
  for (const auto& [name, cell] : record.cells)
    if (name == column.name)
      return &cell;
  return nullptr;
}

/// The problem of a record without a column.
std::string missing(const Record& record, const Column& column) {
  std::vector<std::string> names;
  for (const auto& [name, cell] : record.cells)
    names.push_back(name);
  const std::string near = nearest(column.name, names);
  return "it has no " + describe(column) + (near.empty() ? "" : " (did you mean \"" + shown(near) + "\"?)");
}

const Cell* find_optional(const Record& record, const std::optional<Column>& column) {
  return column ? find(record, *column) : nullptr;
}

std::string joined(const Cell& cell) {
  if (!cell.list)
    return cell.text;
  std::string text;
  for (const std::string& item : cell.items)
    text.append(text.empty() ? "" : " ").append(item);
  return text;
}

std::vector<std::string> as_list(const Cell& cell) {
  return cell.list ? cell.items : std::vector<std::string>{cell.text};
}

/// True if the lists of answers and their offsets are empty, as for SQuAD 2.0's questions without an answer.
bool are_empty(const std::vector<std::string>& answers, const std::vector<std::string>& offsets) {
  const auto empty = [](const std::vector<std::string>& items) {
    return std::ranges::all_of(items, [](const std::string& item) { return trimmed(item).empty(); });
  };
  return empty(answers) && empty(offsets);
}

/// Why a cell is no text; empty if it is one. A list that is joined by blanks might be the texts of several examples.
std::string list_in_place_of_text(const Column& column, const Cell& cell) {
  if (!cell.list || cell.words)
    return "";
  return describe(column) + " is a list of " + std::to_string(cell.items.size()) +
         "; expected a text (lists of words belong to \"words\", alternatives to \"choices\")";
}

/// A list in a column of CSV or TSV is JSON. True if the cell is a list afterwards, or no list at all.
bool take_json_list(Cell& cell) {
  const std::string_view text = trimmed(cell.text);
  JsonValue value;
  JsonOddities oddities;
  if (cell.list || !text.starts_with("[") || !text.ends_with("]"))
    return true;
  if (!parse_json_value(text, value, oddities).empty())
    return !text.starts_with("['") && !text.starts_with("[\""); // "[sic] a film [...]" may be words
  if (std::any_of(value.members.begin(), value.members.end(), [](const auto& member) {
        return !member.value.is_scalar() || member.value.kind == JsonValue::Kind::null;
      }))
    return true;
  cell.list = true;
  for (auto& [name, item] : value.members)
    cell.items.push_back(std::move(item.text));
  return true;
}

/// Any number of labels: a list, or a text with separators. False for a list as Python prints it.
bool take_labels(Cell cell, const RecordLayout& layout, std::vector<std::string>& values) {
  if (!take_json_list(cell))
    return false;
  values = cell.list ? cell.items : split_labels(cell.text, layout.label_separator);
  return true;
}

std::string printed_list(const Column& column) {
  return describe(column) + " holds a list as Python prints it; write it as JSON, with json.dumps";
}

std::vector<std::string> split_words(const Cell& cell) {
  if (cell.list)
    return cell.items;
  std::istringstream text(cell.text);
  return {std::istream_iterator<std::string>(text), {}};
}

std::string add_choices(const Record& record, const std::vector<Column>& columns,
                        std::vector<std::string>& alternatives) {
  for (const Column& column : columns) {
    const Cell* found = find(record, column);
    if (!found)
      return missing(record, column);
    if (columns.size() > 1) {
      if (std::string problem = list_in_place_of_text(column, *found); !problem.empty())
        return problem;
      alternatives.push_back(joined(*found));
      continue;
    }
    Cell cell = *found;
    if (!take_json_list(cell))
      return printed_list(column);
    if (cell.list)
      alternatives = cell.items;
    else
      return describe(column) + " is not a list of alternatives";
  }
  return "";
}

std::string fill_spans(const Record& record, const SpanColumns& columns, Example& example) {
  const auto field = example.fields.find(columns.field);
  const Cell *texts = find(record, columns.texts), *starts = find(record, columns.starts);
  if (field == example.fields.end() || !texts || !starts)
    return ""; // spans are needed only for training and evaluation
  const std::vector<std::string> answers = as_list(*texts), offsets = as_list(*starts);
  if (are_empty(answers, offsets)) {
    example.unanswerable = true;
    return "";
  }
  if (answers.size() != offsets.size())
    return "it has " + counted(answers.size(), "answer") + " in " + describe(columns.texts) + " but " +
           counted(offsets.size(), "start offset") + " in " + describe(columns.starts);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::optional<int64_t> character = whole_number(offsets[i]);
    if (!character)
      return "the start offset \"" + shown(offsets[i]) + "\" in " + describe(columns.starts) +
             " is not a whole number from 0";
    const std::optional<int64_t> begin = byte_of_character(field->second, *character);
    if (answers[i].empty() || !begin ||
        field->second.compare(static_cast<std::size_t>(*begin), answers[i].size(), answers[i]) != 0)
      return "its answer \"" + shown(answers[i]) + "\" is not at character " + std::to_string(*character) +
             " of \"" + columns.field + "\"";
    example.spans.push_back({columns.field, *begin, *begin + std::ssize(answers[i])});
  }
  return "";
}

} // namespace

std::string ExampleMaker::make(const Record& record, Example& example) const {
  if (!record.problem.empty())
    return record.problem;
  example = {};
  example.line = record.line;
  if (const Cell* cell = find_optional(record, layout_.id)) // also of an example that can't be used
    example.id = joined(*cell);
  if (lacks_used_column(record))
    return "it has " + counted(record.cells.size(), "column") + ", and the header has " +
           std::to_string(record.cells.size() + record.missing.size());
  if (std::string problem = fill_text(record, example); !problem.empty())
    return problem;
  for (const auto& [name, column] : layout_.meta) {
    const Cell* cell = find(record, column);
    if (!cell)
      return missing(record, column);
    example.meta[name] = joined(*cell);
  }
  if (const Cell* cell = find_optional(record, layout_.card))
    example.card = joined(*cell);
  if (const Cell* cell = find_optional(record, layout_.answers)) {
    example.answers = as_list(*cell);
    if (layout_.multi_label && !layout_.label && !take_labels(*cell, layout_, example.answers))
      return printed_list(*layout_.answers); // `infer_labels_from_data` reads the label column as answers
  }
  if (const Cell* cell = find_optional(record, layout_.references))
    example.references = as_list(*cell);
  if (layout_.spans)
    if (std::string problem = fill_spans(record, *layout_.spans, example); !problem.empty())
      return problem;
  return fill_label(record, example);
}

bool ExampleMaker::lacks_used_column(const Record& record) const {
  if (record.missing.empty())
    return false;
  if (layout_.has_no_text_columns() &&
      std::ranges::any_of(record.missing, [](const std::string& name) { return !name.empty(); }))
    return true;
  return std::ranges::any_of(columns_of(layout_),
                             [&](const Column& column) { return column.number > std::ssize(record.cells); });
}

std::string ExampleMaker::fill_text(const Record& record, Example& example) const {
  bool any = false;
  std::string number; // a text that is none
  const auto is_text = [&](const std::string& name, const Cell& cell, const std::string& value) {
    if (cell.number && number.empty())
      number = "its only text, \"" + name + "\", is " + shown(value) + "; expected a string";
    return !cell.number && !trimmed(value).empty();
  };
  for (const auto& [name, column] : layout_.fields) {
    const Cell* cell = find(record, column);
    if (!cell)
      return missing(record, column);
    if (std::string problem = list_in_place_of_text(column, *cell); !problem.empty())
      return problem;
    std::string& value = example.fields[name] = joined(*cell);
    any = is_text(name, *cell, value) || any;
  }
  for (const auto& [name, column] : layout_.words) {
    const Cell* found = find(record, column);
    if (!found)
      return missing(record, column);
    Cell cell = *found;
    if (!take_json_list(cell))
      return printed_list(column);
    auto& value = example.words[name] = split_words(cell);
    any = any || !value.empty();
  }
  for (const auto& [name, columns] : layout_.choices) {
    if (std::string problem = add_choices(record, columns, example.words[name]); !problem.empty())
      return problem;
    any = true;
  }
  if (layout_.has_no_text_columns())
    for (const auto& [name, cell] : record.cells)
      if (add_unmapped_column(name, cell, example))
        any = is_text(name, cell, example.fields.at(name)) || any;
  if (any)
    return "";
  return number.empty() ? "it has no text" : number;
}

bool ExampleMaker::add_unmapped_column(const std::string& name, const Cell& cell, Example& example) const {
  if (name.empty() || has_role(name))
    return false;
  constexpr std::string_view meta_prefix = "meta.";
  example.meta[name.starts_with(meta_prefix) ? name.substr(meta_prefix.size()) : name] = joined(cell);
  if (name.starts_with(meta_prefix))
    return false;
  if (cell.list)
    example.words[name] = cell.items;
  example.fields[name] = joined(cell);
  return true;
}

bool ExampleMaker::has_role(const std::string& name) const {
  const auto is = [&](const std::optional<Column>& column) { return column && column->name == name; };
  return is(layout_.label) || is(layout_.id) || is(layout_.answers) || is(layout_.references) ||
         is(layout_.card) || (layout_.spans && (is(layout_.spans->texts) || is(layout_.spans->starts))) ||
         std::any_of(layout_.meta.begin(), layout_.meta.end(),
                     [&](const auto& entry) { return entry.second.name == name; });
}

std::string ExampleMaker::fill_label(const Record& record, Example& example) const {
  if (labels_.empty() || !layout_.label)
    return "";
  const Cell* given = find(record, *layout_.label);
  if (given && layout_.multi_label)
    return fill_label_set(*given, example);
  if (!given || (!given->list && trimmed(given->text).empty()))
    return labels_required_ ? "it has no label (" + describe(*layout_.label) + ")" : "";
  Cell cell = *given;
  if (!layout_.words.empty() && !take_json_list(cell))
    return printed_list(*layout_.label);
  std::vector<int64_t> found;
  for (const std::string& value : as_list(cell)) {
    found.push_back(labels_.find(value));
    if (found.back() < 0 && labels_required_)
      return unknown_label(value);
  }
  if (!cell.list) {
    example.label = found[0];
    return "";
  }
  example.word_labels = std::move(found);
  for (const auto& [name, words] : example.words)
    if (words.size() != example.word_labels.size())
      return "it has " + counted(example.word_labels.size(), "label") + " for " + counted(words.size(), "word");
  return "";
}

std::string ExampleMaker::fill_label_set(const Cell& given, Example& example) const {
  std::vector<std::string> values;
  if (!take_labels(given, layout_, values))
    return printed_list(*layout_.label);
  std::set<int64_t> found;
  for (const std::string& value : values) {
    const int64_t label = labels_.find(value);
    if (label < 0 && labels_required_)
      return unknown_label(value);
    if (label < 0)
      return ""; // the remaining ones would look like all of them
    found.insert(label);
  }
  example.label_set.emplace(found.begin(), found.end());
  return "";
}

std::string ExampleMaker::unknown_label(const std::string& value) const {
  std::string text;
  for (std::size_t i = 0; i < labels_.known().size() && i < 12; ++i)
    text.append(text.empty() ? "\"" : ", \"").append(shown(labels_.known()[i])).append("\"");
  constexpr std::size_t shortest_word = 3; // any two digits would match
  const std::string near =
      trimmed(value).size() < shortest_word ? "" : nearest(trimmed(value), labels_.known());
  return "its label \"" + shown(value) + "\" is not one of " + text +
         (labels_.known().size() > 12 ? ", ..." : "") +
         (near.empty() ? "" : " (did you mean \"" + shown(near) + "\"?)");
}

} // namespace cuecard
