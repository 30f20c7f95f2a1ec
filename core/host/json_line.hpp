/// JSON for machines: one object a line on standard output.
#pragma once

#include <cmath>
#include <iostream>

#include <nlohmann/json.hpp>

#include "engine/counters.hpp"
#include "host/input_rows.hpp"

namespace cuecard::host {

/// Keys stay in the order in which they were written.
using Json = nlohmann::ordered_json;

/// A number, or null where it is not finite: JSON has no NaN.
inline Json finite(double number) {
  return std::isfinite(number) ? Json(number) : Json();
}

inline void print_line(const Json& value) {
  std::cout << value.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
}

/// A row of `fill` or `render` that can't be used; `line` where it came from a file or from standard input.
inline Json problem_json(int64_t number, const InputRow& row, const std::string& problem) {
  Json object{{"row", number}, {"error", problem}};
  if (row.example.line > 0)
    object["line"] = row.example.line;
  return object;
}

inline void add_counters(Json& object, const Counters& counters) {
  object["forwards"] = counters.forwards;
  object["rows_forwarded"] = counters.rows_forwarded;
  object["scores_projected"] = counters.scores_projected;
  object["rows_from_cache"] = counters.rows_from_cache;
}

} // namespace cuecard::host
