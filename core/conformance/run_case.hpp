/// Runs a case in a child process, so that a crash or hang fails only that case.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "conformance/case.hpp"

namespace cuecard::conformance {

enum class Status { passed, failed, skipped };

struct Finding {
  std::string name;      ///< of the case
  std::string component; ///< "" for a case of the whole plugin
  Status status = Status::passed;
  std::string text; ///< why it failed or was skipped, or a remark
  double seconds = 0;
  bool crashed = false; ///< its process crashed, ended early or hung
};

/// What a run of the kit is given.
struct RunSettings {
  std::vector<std::pair<std::string, std::string>> set;
  uint64_t seed = 0;
  double limit = 60; ///< seconds for each case
};

/// Runs `each` on one component in a copy of this process (fork), which must have no thread but this one and must not have opened
/// the plugin.
Finding run_case(const Case& each, const registry::Registry& plugins,
                 const std::shared_ptr<const registry::Plugin>& plugin, std::size_t component,
                 const RunSettings& settings);

} // namespace cuecard::conformance
