/// What a library asks of the dynamic loader, read without running or mapping it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cuecard {

struct Linkage {
  bool executable_stack = false;
  bool text_relocations = false;   ///< the loader would write into its code
  std::vector<std::string> needed; ///< libraries, by the names that it was linked with
  std::vector<std::string>
      run_paths; ///< where they are looked for: of each DT_RPATH and DT_RUNPATH, folders separated by `:`
  std::vector<std::string> exported; ///< symbols; the first thousand
};

/// Throws DataError if the file is not a complete x86-64 shared library.
Linkage read_linkage(const std::filesystem::path& library);

} // namespace cuecard
