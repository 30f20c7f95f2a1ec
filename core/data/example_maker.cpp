#include "data/example_maker.hpp"

#include <algorithm>
#include <iterator>
#include <sstream>

#include "data/text.hpp"

namespace cuecard {

namespace {

const Cell* find(const Row& row, const Column& column) {
  if (column.number > 0)
    return column.number <= static_cast<int64_t>(row.cells.size())
               ? &row.cells[static_cast<std::size_t>(column.number - 1)].second
               : nullptr;
  for (const auto& [name, cell] : row.cells)
    if (name == column.name)
      return &cell;
  return nullptr;
}

const Cell* find_optional(const Row& row, const std::optional<Column>& column) {
  return column ? find(row, *column) : nullptr;
}

std::string joined(const Cell& cell) {
  if (!cell.list)
    return cell.text;
  std::string text;
  for (const std::string& item : cell.items)
    text.append(text.empty() ? "" : " ").append(item);
  return text;
}

std::vector<std::string> texts_of(const Cell& cell) {
  return cell.list ? cell.items : std::vector<std::string>{cell.text};
}

std::vector<std::string> words_of(const Cell& cell) {
  if (cell.list)
    return cell.items;
  std::istringstream text(cell.text);
  return {std::istream_iterator<std::string>(text), {}};
}

std::string take_choices(const Row& row, const std::vector<Column>& columns,
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

std::string fill_spans(const Row& row, const SpanColumns& columns, Example& example) {
  const auto field = example.fields.find(columns.field);
  const Cell *texts = find(row, columns.texts), *starts = find(row, columns.starts);
  if (field == example.fields.end() || !texts || !starts)
    return ""; // only what learns from them or measures them needs them
  const std::vector<std::string> answers = texts_of(*texts), begins = texts_of(*starts);
  if (answers.size() != begins.size())
    return "it has " + std::to_string(answers.size()) + " answers in " + describe(columns.texts) + " and " +
           std::to_string(begins.size()) + " beginnings in " + describe(columns.starts);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::optional<int64_t> begin = byte_of_character(field->second, begins[i]);
    if (answers[i].empty() || !begin ||
        field->second.compare(static_cast<std::size_t>(*begin), answers[i].size(), answers[i]) != 0)
      return "its answer \"" + shown(answers[i]) + "\" does not stand at character " + shown(begins[i]) +
             " of \"" + columns.field + "\"";
    example.spans.push_back({columns.field, *begin, *begin + std::ssize(answers[i])});
  }
  return "";
}

} // namespace

std::string ExampleMaker::make(const Row& row, Example& example) const {
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
  if (layout_.spans)
    if (std::string problem = fill_spans(row, *layout_.spans, example); !problem.empty())
      return problem;
  return fill_label(row, example);
}

std::string ExampleMaker::fill_text(const Row& row, Example& example) const {
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

bool ExampleMaker::take_by_name(const std::string& name, const Cell& cell, Example& example) const {
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

bool ExampleMaker::used(const std::string& name) const {
  const auto is = [&](const std::optional<Column>& column) { return column && column->name == name; };
  return is(layout_.label) || is(layout_.id) || is(layout_.answers) || is(layout_.references) ||
         is(layout_.card) || (layout_.spans && (is(layout_.spans->texts) || is(layout_.spans->starts))) ||
         std::any_of(layout_.meta.begin(), layout_.meta.end(),
                     [&](const auto& entry) { return entry.second.name == name; });
}

std::string ExampleMaker::fill_label(const Row& row, Example& example) const {
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

std::string ExampleMaker::known_values() const {
  std::string text;
  for (std::size_t i = 0; i < labels_.known().size() && i < 12; ++i)
    text.append(text.empty() ? "\"" : ", \"").append(shown(labels_.known()[i])).append("\"");
  return labels_.known().size() > 12 ? text + ", ..." : text;
}

} // namespace cuecard
