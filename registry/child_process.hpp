/// Runs a command in a child process, so that a crash or hang is contained.
#pragma once

#include <string>
#include <vector>

namespace cuecard::registry {

struct ChildResult {
  int status = -1;            ///< of waitpid; -1 if it was stopped at the limit
  std::string answer, errors; ///< its standard output and its standard error, the first 64 KiB
  double seconds = 0;

  bool stopped() const { return status < 0; }
  /// -1 if it did not exit.
  int exit_code() const;
  /// The signal that ended it: "SIGSEGV (Segmentation fault)".
  std::string signal() const;
  /// The first informative line of `errors`, as the end of a sentence; "" if there is none.
  std::string first_error() const;
};

/// Runs the command, a path and its arguments, and waits for at most `limit` seconds. Throws Error when no process can be
/// started.
ChildResult run_child(const std::vector<std::string>& command, double limit);

} // namespace cuecard::registry
