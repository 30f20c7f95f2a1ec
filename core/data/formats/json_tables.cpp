#include "data/formats/json_tables.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "data/text.hpp"

namespace cuecard {

namespace {

using Kind = JsonValue::Kind;

const JsonValue* member_of(const JsonValue& object, std::string_view key) {
  const auto found = std::ranges::find(object.members, key, &JsonMember::name);
  return found == object.members.end() ? nullptr : &found->value;
}

/// Whether a column is the value of `key` or below it.
bool is_within(const std::string& column, const std::string& key) {
  return column == key || column.starts_with(key + ".");
}

bool holds(const std::vector<std::string>& columns, const std::string& key) {
  return std::ranges::any_of(columns, [&](const std::string& column) { return is_within(column, key); });
}

/// Whether the task says what columns hold.
bool are_named(const JsonColumns& columns) {
  return !columns.texts.empty() || !columns.lists.empty();
}

/// Whether one of the columns is the list under `key`, or is in the objects of that list and not at an index of it.
bool names_list(const std::vector<std::string>& columns, const std::string& key) {
  return std::ranges::any_of(columns, [&](const std::string& column) {
    return is_within(column, key) &&
           (column == key || !std::isdigit(static_cast<unsigned char>(column[key.size() + 1])));
  });
}

} // namespace

bool holds_objects(const JsonValue& value) {
  return value.kind == Kind::list && !value.members.empty() && value.members[0].value.kind == Kind::object;
}

const JsonValue* rows_within(const JsonValue& object, const JsonColumns& columns, bool alone) {
  const JsonValue* rows = member_of(object, "data");
  if (!rows || !holds_objects(*rows))
    return nullptr;
  const bool any_text = !columns.known || are_named(columns); // without names, every text is a field
  const bool beside = std::ranges::all_of(object.members, [&](const JsonMember& member) {
    const auto& [key, value] = member;
    return key == "data" || key == "version" || key == "schema" ||
           (alone && value.is_scalar() && !holds(columns.used, key) && (any_text || value.kind != Kind::text));
  });
  return beside ? rows : nullptr;
}

std::size_t length_of_columns(const JsonValue& object, const JsonColumns& columns) {
  std::size_t length = 0;
  for (const auto& [key, value] : object.members) {
    if (are_named(columns) && !holds(columns.used, key))
      continue;
    const std::size_t size = value.kind == Kind::list ? value.members.size() : 0;
    if (size == 0 || (length > 0 && size != length))
      return 0;
    length = size;
  }
  return length;
}

bool has_columns(const JsonValue& object, const JsonColumns& columns) {
  return std::ranges::any_of(object.members, [&](const JsonMember& member) {
    const auto is_nested = [](const JsonMember& item) { return item.value.kind == Kind::list; };
    return names_list(columns.texts, member.name) ||
           (names_list(columns.lists, member.name) && std::ranges::any_of(member.value.members, is_nested));
  });
}

bool may_have_columns(const JsonValue& object, const JsonColumns& columns) {
  return !are_named(columns) && std::ranges::any_of(object.members, [](const JsonMember& member) {
    return std::ranges::any_of(member.value.members, [](const JsonMember& item) {
      return item.value.kind == Kind::text && trimmed(item.value.text).find(' ') != std::string_view::npos;
    });
  });
}

bool is_squad_article(const JsonValue& object) {
  const JsonValue* paragraphs = member_of(object, "paragraphs");
  return paragraphs && holds_objects(*paragraphs) && member_of(paragraphs->members[0].value, "qas");
}

std::string remedy_for(const JsonValue& object) {
  constexpr const char* as_pandas = " in pandas; write it with orient=\"records\"";
  const auto is = [&](const std::string& key, Kind kind) {
    return std::ranges::any_of(
        object.members, [&](const auto& member) { return member.name == key && member.value.kind == kind; });
  };
  if (is("columns", Kind::list) && is("data", Kind::list))
    return std::string("the file looks like a table of orient=\"split\"") + as_pandas;
  for (const auto& [key, member] : object.members)
    if (holds_objects(member))
      return "the rows may be those of its list \"" + shown(key) + "\"; save that list alone";
  const auto is_list = [](const JsonMember& member) { return member.value.kind == Kind::list; };
  if (object.members.size() > 1 && std::ranges::all_of(object.members, is_list) &&
      length_of_columns(object, {}) == 0)
    return "the file looks like a table with a list for each column, and the lists differ in length";
  const bool of_objects = std::ranges::all_of(object.members, [&](const auto& member) {
    return member.value.kind == Kind::object && !member.value.members.empty() &&
           member.value.members.size() == object.members[0].value.members.size();
  });
  return object.members.empty() || !of_objects
             ? ""
             : std::string("the file looks like a table of orient=\"columns\" or \"index\"") + as_pandas;
}

} // namespace cuecard
