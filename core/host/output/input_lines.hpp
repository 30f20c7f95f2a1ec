/// Lines that the verbs with an InputLoop share.
#pragma once

#include <optional>
#include <string>

#include "host/input_loop.hpp"
#include "host/output/json_line.hpp"

namespace cuecard::host {

/// An input that can't be used: as JSON on standard output, else a sentence on standard error.
inline void print_skipped(int64_t number, const InputRow& row, const std::string& problem, bool json) {
  if (json)
    print_line(problem_json(number, row, problem));
  else
    std::cerr << "cuecard: " << skipped_row(row, problem).what() << '\n';
}

/// The last line of JSON output.
inline void print_summary(const InputLoop& loop, const Counters& counters, std::optional<double> seconds = {}) {
  Json summary{{"rows", loop.rows()}, {"skipped", loop.skipped()}};
  if (seconds)
    summary["seconds"] = *seconds;
  add_counters(summary, counters);
  print_line({{"summary", summary}});
}

} // namespace cuecard::host
