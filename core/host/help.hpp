/// Help texts and the shell completion script, both written from the table of verbs.
#pragma once

#include <string>

#include "host/verb_table.hpp"

namespace cuecard::host {

/// The list of verbs.
std::string program_help();
/// Usage, arguments, flags and an example of one verb.
std::string verb_help(const Verb& verb);
/// A script for `source`.
std::string bash_completion();

} // namespace cuecard::host
