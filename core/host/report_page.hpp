/// One self-contained HTML page from what `train`, `eval` and `compare` print with `--json`.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cuecard::host {

/// One object that a verb printed.
struct ReportedRun {
  enum class Kind { train, eval, compare };
  Kind kind = Kind::train;
  std::string name; ///< for people: its card or tuner, and its file where names repeat
  std::string file;
  const nlohmann::json* object = nullptr;
};

/// The runs of `objects`, which came from files of the same index. DataError for an object that is of none of
/// the three verbs.
std::vector<ReportedRun> reported_runs(const std::vector<std::string>& files,
                                       const std::vector<nlohmann::json>& objects);

/// Runs side by side, accuracies with intervals, loss curves, confusion matrices, worst mistakes: whatever the
/// runs hold. Numbers of another form than docs/json-output.md says are a DataError that names the file.
std::string report_page(const std::vector<ReportedRun>& runs);

} // namespace cuecard::host
