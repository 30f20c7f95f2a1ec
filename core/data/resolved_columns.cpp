#include "data/resolved_columns.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "data/text.hpp"

namespace cuecard {

namespace {

class Resolver {
public:
  Resolver(DataFormat format, const std::vector<std::string>& header, const std::string& origin)
      : format_(format), header_(header), origin_(origin) {}

  void resolve(Column& column, bool required) const {
    if (!header_.empty())
      in_header(column, required);
    else if (format_ == DataFormat::jsonl)
      in_json(column);
    else
      without_header(column, required);
  }

private:
  /// Places with this name, from 1; blanks around a name in the header are ignored if nothing else fits.
  std::vector<int64_t> places(const std::string& name) const {
    std::vector<int64_t> exact, loose;
    for (std::size_t i = 0; i < header_.size(); ++i) {
      if (header_[i] == name)
        exact.push_back(static_cast<int64_t>(i) + 1);
      else if (trimmed(header_[i]) == trimmed(name))
        loose.push_back(static_cast<int64_t>(i) + 1);
    }
    return exact.empty() ? loose : exact;
  }

  void in_header(Column& column, bool required) const {
    const std::string name = column.name.empty() ? std::to_string(column.number) : column.name;
    const std::vector<int64_t> named = places(name);
    const auto count = static_cast<int64_t>(header_.size());
    if (column.name.empty() && column.number > 0 && !named.empty() && named[0] != column.number)
      throw DataError(where() + "column " + name + " is " + shown_name(column.number) +
                      " by number, and another column is called \"" + name +
                      "\"; write the name of the one that is meant, in quotation marks.");
    if (!column.name.empty() && named.size() > 1)
      throw DataError(where() + "the header has the column \"" + shown(name) +
                      "\" twice; give one of them another name, or refer to it by number.");
    if (!column.name.empty() && !named.empty())
      column.number = named[0];
    else if (column.number > count || (column.number == 0 && required))
      throw DataError(where() + "the header has no " + describe(column) + "; " + columns() + "." +
                      (column.name.empty() ? "" : did_you_mean(column.name, header_)));
    if (column.number > 0)
      column.name = header_[static_cast<std::size_t>(column.number - 1)];
  }

  void in_json(Column& column) const {
    if (column.name.empty())
      throw DataError(origin_ + ": JSON Lines have keys, not column numbers such as " +
                      std::to_string(column.number) + "; refer to the column by its key.");
    column.number = 0;
  }

  void without_header(Column& column, bool required) const {
    if (column.number == 0 && required)
      throw DataError(origin_ + ": its columns have no names, so " + describe(column) +
                      " must be given by number, from 1.");
    if (column.number > 0)
      column.name.clear();
  }

  std::string where() const { return origin_ + ", line 1: "; }

  std::string shown_name(int64_t number) const {
    return number <= static_cast<int64_t>(header_.size())
               ? "\"" + shown(header_[static_cast<std::size_t>(number - 1)]) + "\""
               : "beyond the last one";
  }

  std::string columns() const {
    constexpr std::size_t most = 12;
    std::string names;
    for (std::size_t i = 0; i < header_.size() && i < most; ++i)
      names.append(i ? ", \"" : "\"").append(shown(header_[i])).append("\"");
    if (header_.size() > 1)
      return "it has " + names + (header_.size() > most ? ", ..." : "");
    for (const auto& [separator, called] : {std::pair(';', ";"), {'\t', "a tab"}, {'|', "|"}, {',', ","}})
      if (header_[0].find(separator) != std::string::npos)
        return "its only one is " + names + ", so if \"" + called +
               "\" separates columns, say so with \"separator\" in the task file or --separator";
    return "its only one is " + names;
  }

  DataFormat format_;
  const std::vector<std::string>& header_;
  const std::string& origin_;
};

} // namespace

RecordLayout resolved_columns(RecordLayout layout, DataFormat format, const std::vector<std::string>& header,
                              const std::string& origin) {
  const Resolver resolver(format, header, origin);
  const bool roles = !layout.optional_roles;
  for (auto* map : {&layout.fields, &layout.words, &layout.meta})
    for (auto& [name, column] : *map)
      resolver.resolve(column, true);
  for (auto& [name, alternatives] : layout.choices)
    for (Column& column : alternatives)
      resolver.resolve(column, true);
  for (auto* column : {&layout.label, &layout.id, &layout.answers, &layout.references, &layout.card})
    if (*column)
      resolver.resolve(**column, roles);
  if (layout.spans)
    for (Column* column : {&layout.spans->texts, &layout.spans->starts})
      resolver.resolve(*column, roles);
  if (!layout.has_no_text_columns())
    return layout;
  if (header.empty() && format != DataFormat::jsonl)
    throw DataError(origin + ": its columns have no names; map each field to a column number.");
  for (auto name = header.begin(); name != header.end(); ++name)
    if (!name->empty() && std::find(name + 1, header.end(), *name) != header.end())
      throw DataError(origin + ", line 1: the header has the column \"" + shown(*name) +
                      "\" twice; give one of them another name, or name the columns that are meant.");
  return layout;
}

} // namespace cuecard
