/// From the words of a command line to a checked call.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/call.hpp"
#include "host/verb_table.hpp"

namespace cuecard::host {

struct CommandLine {
  const Verb* verb = nullptr; ///< null: help about the program itself was asked for
  bool help = false;          ///< `--help` was given
  CuecardCall call;
};

/// `words` are the arguments behind the program's name. Throws UsageError that names the verb or flag, what was
/// found and what was expected, with the nearest right name for a wrong one.
CommandLine parse(const std::vector<std::string>& words);

/// The verb of that name, or null.
const Verb* find_verb(const std::string& name);

} // namespace cuecard::host
