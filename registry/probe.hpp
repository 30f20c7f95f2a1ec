/// Loads a plugin in a child process, so that crashes, exceptions and hangs while loading are contained.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cuecard::registry {

struct ProbeResult {
  bool ok = false;
  std::string text; ///< one sentence: what was found, or why the plugin can't be used
  double seconds = 0;
  bool crashed = false; ///< its process crashed, ended early or hung
};

/// Runs the command `child` with `file` appended and waits for its answer for at most `limit` seconds. The
/// default runs this program as `plugin probe-child FILE`. Throws Error when no process can be started.
ProbeResult probe(const std::filesystem::path& file, double limit = 20,
                  const std::vector<std::string>& child = {"/proc/self/exe", "plugin", "probe-child"});

/// In the child process: loads `file`, compares it with its sidecar if there is one, prints one line of JSON to
/// standard output and returns the exit code, 0 or 4. The process should exit afterwards.
int probe_child(const char* file);

} // namespace cuecard::registry
