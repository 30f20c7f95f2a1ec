// Completion scripts of shells.
#include <map>

#include "program/help.hpp"

namespace cuecard::host {

namespace {

/// In single quotes of a shell, within a specification of zsh's `_arguments`.
std::string zsh_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'')
      result += "'\\'";
    else if (c == '[' || c == ']' || c == ':' || c == '\\')
      result += '\\';
    result += c;
  }
  return result;
}

/// What follows a flag or is an argument, as `_arguments` completes it.
std::string zsh_value(const std::string& name, const ValueType& type) {
  std::string choices;
  for (const std::string& word : type.choices)
    choices += (choices.empty() ? "" : " ") + word;
  const std::string action = !choices.empty()                     ? "(" + choices + ")"
                             : type.kind == ValueType::Kind::path ? "_files"
                                                                  : " ";
  return ":" + zsh_text(name) + ":" + action;
}

} // namespace

std::string bash_completion() {
  std::string firsts, cases;
  std::map<std::string, std::string> subcommands; // by group
  for (const Verb& verb : verbs()) {
    if (verb.hidden)
      continue;
    const std::size_t space = verb.name.find(' ');
    const std::string first = verb.name.substr(0, space);
    if (space == std::string::npos || !subcommands.contains(first))
      firsts += first + " ";
    if (space != std::string::npos)
      subcommands[first] += verb.name.substr(space + 1) + " ";
    std::string flags = "--help", choices;
    for (const Flag& flag : verb.flags) {
      flags += " --" + flag.name;
      std::string values;
      for (const std::string& choice : flag.type.choices)
        values += choice + " ";
      if (!values.empty())
        choices += "    '" + verb.name + " --" + flag.name + "') words='" + values + "' ;;\n";
    }
    cases += choices + "    '" + verb.name + " '*) words='" + flags + "' ;;\n";
  }
  std::string groups;
  for (const auto& [first, words] : subcommands)
    groups += "    " + first + ") group=1; words='" + words + "' ;;\n";
  return "# bash completion for cuecard: source <(cuecard completion bash)\n"
         "_cuecard() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words='' group='' last=''\n"
         "  case $verb in\n" +
         groups +
         "  esac\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    words='" +
         firsts +
         "'\n"
         "  elif [ -z \"$group\" ] || [ \"$COMP_CWORD\" -gt 2 ]; then\n"
         "    [ -n \"$group\" ] && verb=\"$verb ${COMP_WORDS[2]}\"\n"
         "    words='' last=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    case \"$verb $last\" in\n" +
         cases +
         "    esac\n"
         "    case $word in\n"
         "    -*) ;;\n"
         "    *) case $words in --*) words='' ;; esac ;;\n"
         "    esac\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "}\n"
         "complete -o filenames -F _cuecard cuecard\n";
}

std::string zsh_completion() {
  std::string firsts, cases;
  std::map<std::string, std::string> subcommands; // by group
  for (const Verb& verb : verbs()) {
    if (verb.hidden)
      continue;
    const std::size_t space = verb.name.find(' ');
    const std::string first = verb.name.substr(0, space);
    const std::string described = " '" +
                                  zsh_text(space == std::string::npos ? first : verb.name.substr(space + 1)) +
                                  ":" + zsh_text(verb.summary) + "'";
    if (space == std::string::npos)
      firsts += described;
    else if ((subcommands[first] += described) == described)
      firsts += " '" + first + ":commands for a " + first + "'";
    cases += "  '" + verb.name + "')\n    _arguments";
    for (const Flag& flag : verb.flags)
      cases += " \\\n      '" + std::string(flag.repeatable ? "*" : "") + "--" + flag.name + "[" +
               zsh_text(flag.help) + "]" + (flag.value.empty() ? "" : zsh_value(flag.value, flag.type)) + "'";
    cases += " \\\n      '--help[Show this help.]'";
    for (const Argument& argument : verb.arguments)
      cases += " \\\n      '" +
               std::string(argument.repeatable ? "*"
                           : argument.required ? ""
                                               : ":") +
               zsh_value(argument.name, argument.type) + "'";
    cases += " ;;\n";
  }
  std::string groups;
  for (const auto& [first, described] : subcommands)
    groups += "  " + first + ")\n    if (( CURRENT == 3 )); then\n      commands=(" + described +
              ")\n      _describe command commands\n      return\n    fi\n    verb=\"$verb ${words[3]}\"\n"
              "    shift words\n    (( CURRENT-- )) ;;\n";
  return "#compdef cuecard\n"
         "# zsh completion for cuecard: source <(cuecard completion zsh), after compinit\n"
         "_cuecard() {\n"
         "  local -a commands\n"
         "  if (( CURRENT == 2 )); then\n"
         "    commands=(" +
         firsts +
         ")\n"
         "    _describe command commands\n"
         "    return\n"
         "  fi\n"
         "  local verb=${words[2]}\n"
         "  case $verb in\n" +
         groups +
         "  esac\n"
         "  shift words\n"
         "  (( CURRENT-- ))\n"
         "  case $verb in\n" +
         cases +
         "  *) _files ;;\n"
         "  esac\n"
         "}\n"
         "if [ \"$funcstack[1]\" = _cuecard ]; then _cuecard \"$@\"; else compdef _cuecard cuecard; fi\n";
}

} // namespace cuecard::host
