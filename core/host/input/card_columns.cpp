#include "host/input/card_columns.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "data/formats/readers.hpp"
#include "data/task_file.hpp"
#include "data/text.hpp"
#include "data/text_fields.hpp"
#include "host/input/input_rows.hpp"

namespace cuecard::host {

namespace {

/// A column that a layout needs, and what for.
struct Needed {
  Column column;
  std::string role;
};

std::vector<Needed> needed_columns(const RecordLayout& layout, const CardColumns& card) {
  std::vector<Needed> needed;
  for (const auto* map : {&layout.fields, &layout.words, &layout.meta})
    for (const auto& [name, column] : *map)
      needed.push_back({column, name});
  for (const auto& [name, columns] : layout.choices)
    for (const Column& column : columns)
      needed.push_back({column, name});
  if (layout.has_no_text_columns())
    for (const std::string& field : text_fields(card.fields))
      needed.push_back({{field, 0}, field});
  if (!card.needs_answer)
    return needed;
  const std::pair<const std::optional<Column>*, const char*> roles[] = {
      {&layout.label, "label"}, {&layout.answers, "answers"}, {&layout.references, "references"}};
  for (const auto& [column, role] : roles)
    if (*column && (column != &layout.answers || !layout.references)) // references are what is scored
      needed.push_back({**column, role});
  if (layout.spans)
    needed.insert(needed.end(), {{layout.spans->texts, "spans"}, {layout.spans->starts, "spans"}});
  return needed;
}

/// The columns of a file: their names, and whether they have numbers.
struct FileColumns {
  std::vector<std::string> names;
  bool numbered = true;
};

bool has(const FileColumns& file, const Column& column) {
  if (file.numbered && column.number > 0 && column.number <= std::ssize(file.names))
    return true;
  return !column.name.empty() && std::ranges::any_of(file.names, [&](const std::string& name) {
    return trimmed(name) == trimmed(column.name);
  });
}

bool has_all(const FileColumns& file, const std::vector<Needed>& needed) {
  return std::ranges::all_of(needed, [&](const Needed& each) { return has(file, each.column); });
}

/// Whether `layout` gives the template all its fields.
bool covers(const RecordLayout& layout, const CardColumns& card) {
  return layout.has_no_text_columns() || std::ranges::all_of(text_fields(card.fields), [&](const auto& field) {
           return layout.fields.contains(field) || layout.words.contains(field) ||
                  layout.choices.contains(field);
         });
}

/// Whether the first line of a file that is read without a header names the requested columns.
bool is_header(const std::vector<std::string>& names, const std::vector<Needed>& needed) {
  return !needed.empty() && std::ranges::all_of(needed, [&](const Needed& each) {
    return std::ranges::find(names, each.column.name) != names.end();
  });
}

bool all_named(const std::vector<Needed>& needed) {
  return std::ranges::none_of(needed, [](const Needed& each) { return each.column.name.empty(); });
}

std::string listed(const std::vector<Needed>& needed) {
  std::string text;
  for (std::size_t i = 0; i < needed.size(); ++i) {
    const bool last = i + 1 == needed.size();
    const std::string role = needed[i].role == needed[i].column.name ? "" : " (" + needed[i].role + ")";
    text += (i == 0 ? "" : last ? " and " : ", ") + describe(needed[i].column) + role;
  }
  return text;
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 12;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most; ++i)
    text.append(i ? ", \"" : "\"").append(shown(names[i])).append("\"");
  return text + (names.size() > most ? ", ..." : "");
}

/// The card's layout for a file of this format; `--column` and the other flags take precedence.
RecordLayout remembered(const Values& values, const CardColumns& card, const std::string& origin) {
  RecordLayout layout = *card.columns;
  const std::optional<DataFormat> format = format_of_path(origin);
  if (format && layout.format && *format != *layout.format) {
    layout.format = std::nullopt;
    layout.separator = std::nullopt;
    layout.quotes = std::nullopt;
  }
  if (layout.header && !layout.id) // optional roles of a task
    layout.id = Column{"id", 0};
  if (layout.header && !layout.card)
    layout.card = Column{"card", 0};
  layout.optional_roles = true; // required columns are checked here
  return with_flags(std::move(layout), values);
}

} // namespace

void check_roles(const Values& values, const std::vector<std::string>& fields) {
  std::vector<std::string> known{"label", "id", "card", "answers", "references"};
  known.insert(known.end(), fields.begin(), fields.end());
  for (const auto& [role, column] : values.pairs("column")) {
    // Lists may be read by the verbalizer alone.
    if (role.starts_with("words.") || role.starts_with("choices.") ||
        std::ranges::find(known, role) != known.end())
      continue;
    throw UsageError("`cuecard " + values.verb() + "`: --column " + shown(role) + "=" + shown(column) +
                     ": the template has no field \"" + shown(role) + "\"." + did_you_mean(role, known) +
                     (fields.empty() ? "" : " Its fields: " + listed(fields) + "."));
  }
}

namespace {

/// DataError if `--column` names a column that the file does not have.
void check_named_columns(const Values& values, const FileColumns& file, const std::string& origin) {
  for (const auto& [role, column] : values.pairs("column"))
    if (!has(file, parse_column(column)))
      throw DataError(origin + ": has no column \"" + shown(column) + "\" (--column " + shown(role) + "=" +
                      shown(column) + "); it has " + listed(file.names) + "." +
                      did_you_mean(column, file.names));
}

} // namespace

RecordLayout layout_for(const Values& values, const CardColumns& card, const std::string& bytes,
                        const std::string& origin) {
  const RecordLayout named = layout_of(values);
  if (values.given("task") || !card.columns)
    return named;
  const RecordLayout layout = remembered(values, card, origin);
  const std::optional<DataFormat> format = layout.format ? layout.format : format_of_path(origin);
  if (!format || *format == DataFormat::conll)
    return layout;

  const bool json = *format == DataFormat::jsonl;
  // The third column of a CoNLL file is not the third column of a table.
  const bool numbered = !json && card.columns->format != DataFormat::conll;
  const FileColumns file{column_names(bytes, origin, layout), numbered};
  if (file.names.empty())
    return layout; // the reader reports what is wrong with the file
  const std::vector<Needed> expected = needed_columns(layout, card), by_name = needed_columns(named, card);
  const bool has_header = layout.header || (!values.given("no-header") && is_header(file.names, by_name));
  if (has_all(file, expected) && (layout.header || !has_header))
    return layout;
  if (covers(named, card) && has_all(file, by_name))
    return named;
  if (json || has_header)
    check_named_columns(values, file, origin);
  throw DataError(origin + ": the card \"" + card.card + "\" expects " +
                  listed(numbered || all_named(expected) ? expected : by_name) + ", and the file has " +
                  (json || has_header ? listed(file.names) : counted(file.names.size(), "column")) +
                  "; say which column is which with --column ROLE=COLUMN, or give a task file with --task.");
}

ObjectColumns::ObjectColumns(const Values& values, const CardColumns& card, RecordLayout named)
    : named_(std::move(named)) {
  if (!values.given("task") && !card.columns)
    return;
  RecordLayout layout = values.given("task") ? read_task_file(values.text("task")).layout : *card.columns;
  layout.optional_roles = true;
  for (const auto& [role, column] : {std::pair{&layout.id, "id"}, {&layout.card, "card"}})
    if (!*role)
      *role = Column{column, 0};
  CardColumns fields_only = card;
  fields_only.needs_answer = false;
  const std::vector<Needed> needed = needed_columns(layout, fields_only);
  if (!all_named(needed))
    return;
  for (const Needed& each : needed)
    needed_.push_back(each.column.name);
  layout.format = DataFormat::jsonl;
  task_ = std::move(layout);
}

const RecordLayout& ObjectColumns::of(const std::vector<std::string>& keys) const {
  if (!task_)
    return named_;
  const FileColumns found{keys, false};
  const bool has_them = std::ranges::all_of(needed_, [&](const std::string& name) {
    return has(found, {name, 0});
  });
  return has_them ? *task_ : named_;
}

} // namespace cuecard::host
