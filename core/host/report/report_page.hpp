/// A self-contained HTML page from the JSON output of `train`, `eval` and `compare`.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cuecard::host {

/// A JSON object printed by one of these commands.
struct ReportedRun {
  enum class Kind { train, eval, compare };
  Kind kind = Kind::train;
  std::string name; ///< display name: card or tuner, and the file if names repeat
  std::string file;
  const nlohmann::json* object = nullptr;
};

/// The runs in `objects`, read from the files of the same index. Throws DataError for an object that none of
/// the commands prints.
std::vector<ReportedRun> reported_runs(const std::vector<std::string>& files,
                                       const std::vector<nlohmann::json>& objects);

/// Comparison of runs, metrics with intervals, loss curves, confusion matrices and worst mistakes, as far as
/// the runs contain them. Throws DataError naming the file for values not as in docs/json-output.md.
std::string report_page(const std::vector<ReportedRun>& runs);

} // namespace cuecard::host
