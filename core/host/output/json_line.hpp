/// JSON Lines on standard output.
#pragma once

#include <iostream>

#include <nlohmann/json.hpp>

#include "batch/cut_tokens.hpp"
#include "engine/counters.hpp"
#include "files/finite_json.hpp"
#include "host/input/input_rows.hpp"

namespace cuecard::host {

/// Keeps keys in insertion order.
using Json = nlohmann::ordered_json;

inline void print_line(const Json& value) {
  std::cout << value.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
}

/// The beginning of what is printed of an input: its number, and its id if it has one.
inline Json row_json(int64_t number, const InputRow& row) {
  Json object{{"row", number}};
  if (!row.example.id.empty())
    object["id"] = row.example.id;
  return object;
}

/// An input of `fill`, `generate` or `render` that can't be used; has `line` if it came from a file or standard input.
inline Json problem_json(int64_t number, const InputRow& row, const std::string& problem) {
  Json object = row_json(number, row);
  object["error"] = problem;
  if (row.example.line > 0)
    object["line"] = row.example.line;
  return object;
}

/// How many examples were truncated, and how many tokens they lost.
inline void add_cut(Json& object, const CutExamples& cut, const std::string& prefix = "") {
  object[prefix + "cut_examples"] = cut.cut;
  object[prefix + "cut_tokens"] = cut.lost.total();
}

inline void add_counters(Json& object, const Counters& counters) {
  object["forwards"] = counters.forwards;
  object["tokens_forwarded"] = counters.tokens_forwarded;
  object["logits_computed"] = counters.logits_computed;
  object["tokens_from_cache"] = counters.tokens_from_cache;
}

} // namespace cuecard::host
