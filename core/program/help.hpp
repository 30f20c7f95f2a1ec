/// Help texts, man pages and shell completion scripts, generated from the verb table.
#pragma once

#include <string>

#include "program/verb_table.hpp"

namespace cuecard::host {

/// The list of commands.
std::string program_help();
/// The commands whose first word is `group`; "" if there are none.
std::string group_help(const std::string& group);
/// Usage, arguments, flags and an example of one command.
std::string verb_help(const Verb& verb);
/// Pages in roff: of the program, and of one command.
std::string man_page(const std::string& version);
std::string man_page(const Verb& verb, const std::string& version);
/// A script to `source` in bash.
std::string bash_completion();
/// The same for zsh; also a file for a folder in its `fpath`.
std::string zsh_completion();

} // namespace cuecard::host
