/// Pieces of the page's HTML, and access to the objects that are reported.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "host/output/table.hpp"
#include "host/report/report_charts.hpp"

namespace cuecard::host {

inline std::string cell(const std::string& text, bool number = true) {
  return std::string(number ? "<td class=\"n\">" : "<td>") + escaped(text) + "</td>";
}

/// What is wider than the screen scrolls by itself, not the page.
inline std::string scrolling(const std::string& html) {
  return html.empty() ? html : "<div class=\"scroll\">\n" + html + "</div>\n";
}

inline std::string table_of(const std::string& rows) {
  return scrolling("<table>\n" + rows + "</table>\n");
}

inline std::string header(const std::vector<std::string>& names) {
  std::string row = "<tr>";
  for (const std::string& name : names)
    row += "<th>" + escaped(name) + "</th>";
  return row + "</tr>\n";
}

inline bool has(const nlohmann::json& object, const char* key) {
  return object.contains(key) && !object[key].is_null();
}

inline std::string integer(const nlohmann::json& object, const char* key) {
  return has(object, key) ? grouped(object.at(key).get<long long>()) : "-";
}

} // namespace cuecard::host
