/// The call that the executable passes to libcuecard: a command and its validated values.
///
/// The executable parses the command line without loading LibTorch; the library holds the engine. They are
/// built together, so a C++ struct may cross the boundary; exceptions may not.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace cuecard::host {

struct CuecardCall {
  std::string verb; ///< "train", "model info", ...
  /// By flag or argument name, in the order given. A switch that was given holds "true"; defaults are applied.
  std::map<std::string, std::vector<std::string>> values;
  std::vector<std::string> words = {}; ///< as typed, after the program's name
};

/// Type of the library's only entry point, `cuecard_run`. Returns the exit code.
using RunFunction = int(const CuecardCall*);

} // namespace cuecard::host
