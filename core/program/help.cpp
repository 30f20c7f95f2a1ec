#include "program/help.hpp"

#include <algorithm>
#include <map>
#include <sstream>

namespace cuecard::host {

namespace {

constexpr std::size_t width = 100;

/// `text` wrapped at word boundaries and indented by `indent`; the line so far is `column` wide.
std::string wrapped(const std::string& text, std::size_t column, std::size_t indent) {
  std::string result;
  if (column + 1 > indent) {
    result += '\n';
    column = 0;
  }
  result.append(indent - column, ' ');
  column = indent;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (column > indent && column + 1 + word.size() > width) {
      result.append("\n").append(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result + '\n';
}

std::string entry(const std::string& left, const std::string& right, std::size_t indent) {
  return "  " + left + wrapped(right, left.size() + 2, indent);
}

std::string syntax(const Flag& flag) {
  return "--" + flag.name + (flag.value.empty() ? "" : " " + flag.value);
}

std::string description(const Flag& flag) {
  std::string text = flag.help;
  if (!flag.type.choices.empty()) {
    std::string choices;
    for (const std::string& choice : flag.type.choices)
      choices += (choices.empty() ? "" : "|") + choice;
    text += " One of " + choices + ".";
  }
  if (!flag.fallback.empty())
    text += " Default: " + flag.fallback + ".";
  return text + (flag.repeatable ? " May be repeated." : "");
}

std::string syntax(const Argument& argument) {
  std::string name = argument.name;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
  name += argument.repeatable ? "..." : "";
  return argument.required ? name : "[" + name + "]";
}

std::string usage(const Verb& verb) {
  std::string text = "Usage: cuecard " + verb.name;
  for (const Flag& flag : verb.flags)
    if (flag.required)
      text += " " + syntax(flag);
  for (const Argument& argument : verb.arguments)
    text += " " + syntax(argument);
  const bool more =
      std::any_of(verb.flags.begin(), verb.flags.end(), [](const Flag& flag) { return !flag.required; });
  return text + (more ? " [flags]" : "") + "\n";
}

} // namespace

std::string program_help() {
  std::string text = "cuecard tunes and serves prompts for frozen language models.\n\nUsage: cuecard COMMAND "
                     "...\n\nCommands:\n";
  for (const Verb& verb : verbs())
    if (!verb.hidden)
      text += entry(verb.name, verb.summary, 20);
  return text +
         "\nRun `cuecard COMMAND --help` for more information on a command.\n"
         "Exit codes: 0 success, 2 usage error, 3 data or file error, 4 plugin error, 5 some rows failed,\n"
         "130 interrupted, 1 other.\n";
}

std::string verb_help(const Verb& verb) {
  std::string text = "cuecard " + verb.name + ": " + verb.summary + "\n\n" + usage(verb) + "\n";
  for (const Argument& argument : verb.arguments)
    text += entry(syntax(argument), argument.help, 26);
  for (const Flag& flag : verb.flags)
    text += entry(syntax(flag), description(flag), 26);
  text += entry("--help", "Show this help.", 26);
  return text + "\nExample:\n  " + verb.example + "\n";
}

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

} // namespace cuecard::host
