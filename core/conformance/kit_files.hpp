/// The kit's models and planted task as files, so that a failed case can be repeated by hand, and for a plugin's own tests.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "conformance/run_case.hpp"

namespace cuecard::conformance {

/// One file, or the folder of a model.
struct KitFile {
  std::string name; ///< in the folder
  bool written = false;
  std::string
      text; ///< why it is not there; of a task that is: what went wrong when its components were prepared
};

/// Writes into `folder`, which must not exist or be empty (UsageError): the examples, a model of each family and of each backbone of
/// `plugin`, and for each of its components and each of these models the task file of `planted_pipeline`. As `run_case`, this opens the
/// plugin in copies of this process only. A task that makes a component crash is kept.
std::vector<KitFile> write_kit_files(const std::filesystem::path& folder, const registry::Registry& plugins,
                                     const std::shared_ptr<const registry::Plugin>& plugin,
                                     const RunSettings& settings);

} // namespace cuecard::conformance
