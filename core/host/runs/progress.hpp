/// Progress on standard error: one line that is redrawn on a terminal, otherwise a plain line about every tenth
/// of the work.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cuecard::host {

class ProgressBar {
public:
  /// `total` steps of `what`. Prints nothing when `quiet`.
  ProgressBar(std::string what, int64_t total, bool quiet);
  /// Ends the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `done` of `total`, followed by `note`, such as the loss.
  void show(int64_t done, const std::string& note = "");
  /// The same with a new total, for work whose number of steps is not known in advance.
  void show(int64_t done, int64_t total, const std::string& note);

private:
  std::string line(int64_t done, const std::string& note) const;

  std::string what_;
  int64_t total_;
  bool quiet_, terminal_, open_ = false;
  int64_t printed_tenth_ = 0;
  std::chrono::steady_clock::time_point start_, drawn_{};
};

} // namespace cuecard::host
