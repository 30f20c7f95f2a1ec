/// Parses and validates the command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "program/call.hpp"
#include "program/verb_table.hpp"

namespace cuecard::host {

struct CommandLine {
  const Verb* verb = nullptr; ///< null: help about the program itself was requested
  bool help = false;          ///< `--help` was given
  std::string group;          ///< with `help`: the commands that begin with this word, as "card"; "" for all
  CuecardCall call;
};

/// `words` are the arguments after the program's name. Throws UsageError, which names the command or flag, what
/// was found and what was expected, and suggests the nearest name for an unknown one.
CommandLine parse(const std::vector<std::string>& words);

/// Null when there is none of that name.
const Verb* find_verb(const std::string& name);

} // namespace cuecard::host
