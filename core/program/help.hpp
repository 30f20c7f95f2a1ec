/// Help texts and the shell completion script, generated from the verb table.
#pragma once

#include <string>

#include "program/verb_table.hpp"

namespace cuecard::host {

/// The list of commands.
std::string program_help();
/// Usage, arguments, flags and an example of one command.
std::string verb_help(const Verb& verb);
/// A script to `source` in bash.
std::string bash_completion();

} // namespace cuecard::host
