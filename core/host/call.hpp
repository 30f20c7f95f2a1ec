/// What the thin program hands to libcuecard: a verb and its checked values.
///
/// The program knows the command line and loads no LibTorch; the library has the engine. They are built
/// together, so a C++ struct may cross; no exception does.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace cuecard::host {

struct CuecardCall {
  std::string verb; ///< "train", "model info", ...
  /// By flag or argument name, in the order given; switches that were given hold "true"; defaults are filled
  /// in.
  std::map<std::string, std::vector<std::string>> values;
};

/// Type of the library's one entry, `cuecard_run`: the exit code.
using RunFunction = int(const CuecardCall*);

} // namespace cuecard::host
