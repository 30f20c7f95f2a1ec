#include "program/help.hpp"

#include <algorithm>
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

std::string choices_of(const ValueType& type) {
  std::string choices;
  for (const std::string& choice : type.choices)
    choices += (choices.empty() ? "" : "|") + choice;
  return choices.empty() ? "" : " One of " + choices + ".";
}

std::string description(const Argument& argument) {
  return argument.help + choices_of(argument.type);
}

std::string description(const Flag& flag) {
  std::string text = flag.help + choices_of(flag.type);
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

constexpr const char* exit_codes =
    "0 success, 2 usage error, 3 data or file error, 4 plugin error, 5 some rows failed,\n130 interrupted, 1 other.";

/// Text in a man page: no character of it is markup.
std::string roff(const std::string& text) {
  std::string result;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\''))
      result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
    line_begins = c == '\n';
  }
  return result;
}

std::string man_header(const std::string& title, const std::string& version) {
  return ".TH " + roff(title) + " 1 \"\" \"cuecard " + version + "\" \"Cuecard\"\n";
}

} // namespace

std::string program_help() {
  std::string text = "cuecard tunes and serves prompts for frozen language models.\n\nUsage: cuecard COMMAND "
                     "...\n\nCommands:\n";
  for (const Verb& verb : verbs())
    if (!verb.hidden)
      text += entry(verb.name, verb.summary, 20);
  return text +
         "\nRun `cuecard COMMAND --help` for more information on a command. Pages that a help names are in docs of "
         "the\nsource tree, and in share/doc/cuecard/docs of an installation.\n"
         "Exit codes: " +
         exit_codes + "\n";
}

std::string group_help(const std::string& group) {
  std::string text;
  for (const Verb& verb : verbs())
    if (!verb.hidden && verb.name.starts_with(group + " "))
      text += entry(verb.name.substr(group.size() + 1), verb.summary, 20);
  return text.empty()
             ? text
             : "Usage: cuecard " + group + " SUBCOMMAND ...\n\nSubcommands:\n" + text + "\nRun `cuecard " +
                   group + " SUBCOMMAND --help` for more information on a subcommand.\n";
}

std::string verb_help(const Verb& verb) {
  std::string text = "cuecard " + verb.name + ": " + verb.summary + "\n\n" + usage(verb) + "\n";
  for (const Argument& argument : verb.arguments)
    text += entry(syntax(argument), description(argument), 26);
  for (const Flag& flag : verb.flags)
    text += entry(syntax(flag), description(flag), 26);
  text += entry("--help", "Show this help.", 26);
  return text + "\nExample:\n  " + verb.example + "\n";
}

std::string man_page(const Verb& verb, const std::string& version) {
  std::string title = "cuecard-" + verb.name;
  std::replace(title.begin(), title.end(), ' ', '-');
  std::string upper = title;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  std::string page = man_header(upper, version) + ".SH NAME\n" + roff(title) + " \\- " + roff(verb.summary) +
                     "\n.SH SYNOPSIS\n" + roff(usage(verb).substr(std::string("Usage: ").size()));
  const auto item = [&](const std::string& left, const std::string& right) {
    page += ".TP\n\\fB" + roff(left) + "\\fR\n" + roff(right) + "\n";
  };
  page += ".SH ARGUMENTS AND FLAGS\n";
  for (const Argument& argument : verb.arguments)
    item(syntax(argument), description(argument));
  for (const Flag& flag : verb.flags)
    item(syntax(flag), description(flag));
  item("--help", "Show this help.");
  return page + ".SH EXAMPLE\n.nf\n" + roff(verb.example) + "\n.fi\n.SH SEE ALSO\n.BR cuecard (1)\n";
}

std::string man_page(const std::string& version) {
  std::string page = man_header("CUECARD", version) +
                     ".SH NAME\ncuecard \\- tunes and serves prompts for frozen language models\n"
                     ".SH SYNOPSIS\ncuecard COMMAND ...\n.SH COMMANDS\n";
  for (const Verb& verb : verbs()) {
    if (verb.hidden)
      continue;
    std::string title = "cuecard-" + verb.name;
    std::replace(title.begin(), title.end(), ' ', '-');
    page += ".TP\n.BR " + roff(title) + " (1)\n" + roff(verb.summary) + "\n";
  }
  return page + ".SH EXIT STATUS\n" + roff(exit_codes) + "\n";
}

} // namespace cuecard::host
