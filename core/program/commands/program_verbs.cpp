// Commands on the program itself.
#include "program/commands/commands.hpp"

namespace cuecard::host {

using namespace commands;

std::vector<Verb> program_verbs() {
  Verb doctor_child{"doctor-child", "", {}, plugins, ""};
  doctor_child.hidden = true;
  std::vector<Verb> list = {
      {"completion",
       "print a shell completion script",
       {{"shell", choice({"bash", "zsh"}), "Target shell."}},
       {},
       "source <(cuecard completion bash)",
       false},
      {"man",
       "print a manual page for `man -l -`",
       {{"command", text, "Command. Default: the page of the program itself.", false, true}},
       {},
       "cuecard man train | man -l -",
       false},
      {"doctor",
       "diagnose the machine and the installation",
       {},
       plugins + Flags{json},
       "cuecard doctor",
       false},
      {"version",
       "print the versions of the program and its interfaces",
       {},
       Flags{json},
       "cuecard version",
       false},
      {"help",
       "show help for a command",
       {{"command", text, "Command to show help for.", false, true}},
       {},
       "cuecard help train",
       false},
  };
  list.push_back(doctor_child);
  return list;
}

} // namespace cuecard::host
