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
       "print a manual page as `man -l -` reads it",
       {{"command", text, "The command; without it, the page of the program.", false, true}},
       {},
       "cuecard man train | man -l -",
       false},
      {"doctor",
       "look at the machine and the installation, and say what is wrong and what to do",
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
