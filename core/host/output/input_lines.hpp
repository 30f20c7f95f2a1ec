/// Lines that the verbs with an InputLoop share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/input/input_loop.hpp"
#include "host/output/json_line.hpp"

namespace cuecard::host {

/// Prints inputs that can't be used: as JSON on standard output, else as sentences on standard error. If all inputs are known from
/// the beginning, those with the same reason as an earlier one are summarised at the end; those of a stream are reported as they
/// occur.
class SkippedInputs {
public:
  SkippedInputs(bool json, const InputRows& input) : json_(json), gathers_(input.total() >= 0) {}
  ~SkippedInputs() {
    for (const Reason& reason : reasons_)
      if (reason.more > 0)
        std::cerr << "cuecard: " << reason.more << " more " << (reason.more == 1 ? "example" : "examples")
                  << " can't be used for the same reason as " << reason.first << " (" << reason.places
                  << (reason.more > most_places ? ", ..." : "") << ").\n";
  }
  SkippedInputs(const SkippedInputs&) = delete;
  SkippedInputs& operator=(const SkippedInputs&) = delete;

  void print(int64_t number, const InputRow& row, const std::string& problem) {
    if (json_) {
      print_line(problem_json(number, row, problem));
      return;
    }
    const auto known = std::ranges::find(reasons_, problem, &Reason::problem);
    if (known == reasons_.end()) {
      std::cerr << "cuecard: " << skipped_row(row, problem).what() << '\n';
      if (gathers_)
        reasons_.push_back({problem, row.place, 0, ""});
    } else if (++known->more <= most_places) {
      known->places += (known->places.empty() ? "" : ", ") +
                       (row.example.line > 0 ? "line " + std::to_string(row.example.line) : row.place);
    }
  }

private:
  static constexpr int64_t most_places = 10;
  struct Reason {
    std::string problem, first;
    int64_t more = 0;
    std::string places; ///< of the others
  };

  bool json_, gathers_;
  std::vector<Reason> reasons_;
};

/// Adds to an example's object how many tokens truncation removed, if any.
inline void add_cut(Json& object, const CutTokens& cut) {
  if (cut.total() > 0)
    object["cut"] = cut.total();
}

/// The last line of JSON output.
inline void print_summary(const InputLoop& loop, const Counters& counters, std::optional<double> seconds = {}) {
  Json summary{{"rows", loop.rows()}, {"skipped", loop.skipped()}};
  add_cut(summary, loop.cut());
  if (seconds)
    summary["seconds"] = *seconds;
  add_counters(summary, counters);
  print_line({{"summary", summary}});
}

} // namespace cuecard::host
