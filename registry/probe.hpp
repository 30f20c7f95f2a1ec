/// Opens a plugin in a child process, so that one that crashes, throws or hangs while being opened hurts
/// nobody.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cuecard::registry {

struct ProbeResult {
  bool ok = false;
  std::string text; ///< one sentence: what was found, or why it can't be used
  double seconds = 0;
};

/// Runs `child` followed by `file` and waits for its answer, `limit` seconds at most. The default child is the
/// running program as `plugin probe-child FILE`. Throws Error when no process can be started.
ProbeResult probe(const std::filesystem::path& file, double limit = 20,
                  const std::vector<std::string>& child = {"/proc/self/exe", "plugin", "probe-child"});

/// The child's side: opens `file` (and compares it with its sidecar when one is beside it), prints one line of
/// JSON to standard output and returns the exit code, 0 or 4. The process should end after it.
int probe_child(const char* file);

} // namespace cuecard::registry
