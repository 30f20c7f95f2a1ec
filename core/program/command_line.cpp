#include "program/command_line.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>

#include <boost/program_options.hpp>

#include <cuecard/error.hpp>

namespace cuecard::host {

namespace {

namespace po = boost::program_options;
using Kind = ValueType::Kind;

/// Collects the positional arguments; can't be typed as a flag.
constexpr const char* positional_key = "<arguments>";

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<std::string> visible_names() {
  std::vector<std::string> names;
  for (const Verb& verb : verbs())
    if (!verb.hidden)
      names.push_back(verb.name);
  return names;
}

/// Subcommands of `group`.
std::vector<std::string> subcommands_of(const std::string& group) {
  std::vector<std::string> names;
  for (const std::string& name : visible_names())
    if (name.starts_with(group + " "))
      names.push_back(name.substr(group.size() + 1));
  return names;
}

/// Removes the command from the beginning of `words` and returns it.
const Verb& take_verb(std::vector<std::string>& words) {
  const std::string first = words.front();
  words.erase(words.begin());
  if (const Verb* verb = find_verb(first))
    return *verb;
  const std::vector<std::string> subcommands = subcommands_of(first);
  if (subcommands.empty()) {
    std::vector<std::string> firsts;
    for (const std::string& name : visible_names())
      firsts.push_back(name.substr(0, name.find(' ')));
    const std::string hint = did_you_mean(first, firsts);
    throw UsageError("\"" + first + "\" is not a cuecard command." +
                     (hint.empty() ? " See `cuecard help`." : hint));
  }
  if (words.empty() || words.front().starts_with("-"))
    throw UsageError("`cuecard " + first + "` needs a subcommand: one of " + joined(subcommands) + ".");
  const std::string second = words.front();
  words.erase(words.begin());
  if (const Verb* verb = find_verb(first + " " + second))
    return *verb;
  const std::string hint = did_you_mean(second, subcommands);
  throw UsageError("\"" + second + "\" is not a subcommand of `cuecard " + first + "`." +
                   (hint.empty() ? " Expected one of " + joined(subcommands) + "." : hint));
}

double as_number(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const double value = std::strtod(text.c_str(), &end);
  const bool whole = !text.empty() && *end == '\0' && errno == 0 && text.find_first_of("xXnN ") == text.npos;
  return whole ? value : std::nan("");
}

std::string plain_number(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (!text.empty() && text.back() == '.')
    text.pop_back();
  return std::abs(value) >= 1e-4 || value == 0 ? text : "1e" + std::to_string(std::lround(std::log10(value)));
}

bool is_device(const std::string& text) {
  if (text == "cpu" || text == "cuda")
    return true;
  return text.starts_with("cuda:") && text.size() > 5 && text.size() < 8 &&
         text.find_first_not_of("0123456789", 5) == text.npos;
}

/// The expected form, or "" when `value` has it.
std::string expected_form(const ValueType& type, const std::string& value) {
  switch (type.kind) {
  case Kind::none:
  case Kind::text:
    return "";
  case Kind::path:
    return value.empty() ? "a path" : "";
  case Kind::integer:
  case Kind::number: {
    const double found = as_number(value);
    const bool right_kind = type.kind == Kind::number || value.find_first_not_of("0123456789") == value.npos;
    if (right_kind && found >= type.low && found <= type.high)
      return "";
    return (type.kind == Kind::integer ? "a whole number from " : "a number from ") + plain_number(type.low) +
           " to " + plain_number(type.high);
  }
  case Kind::choice: {
    if (std::find(type.choices.begin(), type.choices.end(), value) != type.choices.end())
      return "";
    return (type.choices.size() > 1 ? "one of " : "") + joined(type.choices);
  }
  case Kind::pair: {
    const std::size_t equals = value.find('=');
    return equals == value.npos || equals == 0 ? "NAME=VALUE" : "";
  }
  case Kind::device:
    return is_device(value) ? "" : "cpu, cuda or cuda:N";
  }
  return "";
}

void check_value(const Verb& verb, const std::string& name, const ValueType& type, const std::string& value) {
  if (const std::string expected = expected_form(type, value); !expected.empty())
    throw UsageError("`cuecard " + verb.name + "`: " + name + " is \"" + value + "\"; expected " + expected +
                     ".");
}

po::options_description options_of(const Verb& verb) {
  po::options_description options;
  options.add_options()("help", "");
  options.add_options()("h,h", "");
  for (const Flag& flag : verb.flags) {
    if (flag.type.kind == Kind::none)
      options.add_options()(flag.name.c_str(), "");
    else
      options.add_options()(flag.name.c_str(), po::value<std::string>(), "");
  }
  options.add_options()(positional_key, po::value<std::vector<std::string>>(), "");
  return options;
}

/// Translates Boost's exceptions into UsageError.
po::parsed_options parse_words(const Verb& verb, const std::vector<std::string>& words,
                               const po::options_description& options) {
  const std::string start = "`cuecard " + verb.name + "`: ";
  namespace style = po::command_line_style;
  try {
    po::positional_options_description arguments;
    arguments.add(positional_key, -1);
    return po::command_line_parser(words)
        .options(options)
        .positional(arguments)
        .style(style::allow_long | style::allow_short | style::long_allow_next | style::long_allow_adjacent |
               style::allow_dash_for_short | style::short_allow_next)
        .run();
  } catch (const po::unknown_option& error) {
    std::string name = error.get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    std::vector<std::string> known{"help"};
    for (const Flag& flag : verb.flags)
      known.push_back(flag.name);
    const std::string near = nearest(name, known);
    throw UsageError(
        start + "unknown flag --" + name + "." +
        (near.empty() ? " See `cuecard " + verb.name + " --help`." : " Did you mean --" + near + "?"));
  } catch (const po::invalid_command_line_syntax& error) {
    std::string name = error.get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    const bool extra = error.kind() == po::invalid_command_line_syntax::extra_parameter;
    throw UsageError(start + "--" + name + (extra ? " takes no value." : " needs a value."));
  } catch (const po::error& error) {
    throw UsageError(start + error.what() + ".");
  }
}

void take_arguments(const Verb& verb, const std::vector<std::string>& given, CuecardCall& call) {
  std::size_t next = 0;
  for (const Argument& argument : verb.arguments) {
    const std::size_t end = argument.repeatable ? given.size() : std::min(next + 1, given.size());
    if (next == end && argument.required)
      throw UsageError("`cuecard " + verb.name + "` needs " + argument.name + ". Example: `" + verb.example +
                       "`.");
    for (; next < end; ++next) {
      check_value(verb, argument.name, argument.type, given[next]);
      call.values[argument.name].push_back(given[next]);
    }
  }
  if (next < given.size())
    throw UsageError("`cuecard " + verb.name + "`: \"" + given[next] +
                     "\" is an unexpected argument. See `cuecard " + verb.name + " --help`.");
}

void take_flag(const Verb& verb, const Flag& flag, const std::vector<std::string>& values, CuecardCall& call) {
  std::vector<std::string>& known = call.values[flag.name];
  if (!known.empty() && !flag.repeatable && flag.type.kind != Kind::none)
    throw UsageError("`cuecard " + verb.name + "`: --" + flag.name + " may be given only once.");
  for (const std::string& value : values)
    check_value(verb, "--" + flag.name, flag.type, value);
  if (flag.type.kind == Kind::none)
    known = {"true"};
  else
    known.insert(known.end(), values.begin(), values.end());
}

void apply_defaults(const Verb& verb, CuecardCall& call) {
  for (const Flag& flag : verb.flags) {
    if (call.values.contains(flag.name))
      continue;
    if (flag.required)
      throw UsageError("`cuecard " + verb.name + "` needs --" + flag.name + " " + flag.value + ". Example: `" +
                       verb.example + "`.");
    if (!flag.fallback.empty())
      call.values[flag.name] = {flag.fallback};
  }
}

} // namespace

const Verb* find_verb(const std::string& name) {
  const auto found =
      std::find_if(verbs().begin(), verbs().end(), [&](const Verb& verb) { return verb.name == name; });
  return found == verbs().end() ? nullptr : &*found;
}

CommandLine parse(const std::vector<std::string>& given) {
  CommandLine line;
  line.call.words = given;
  std::vector<std::string> words = given;
  if (!words.empty() && words.front() == "--version")
    words.front() = "version";
  if (words.empty() || words.front() == "--help" || words.front() == "-h") {
    line.help = true;
    return line;
  }
  if (words.front().starts_with("-"))
    throw UsageError("flags come after the command, so " + words.front() +
                     " can't come first. See `cuecard help`.");
  if (words.size() > 1 && (words[1] == "--help" || words[1] == "-h") && !subcommands_of(words[0]).empty()) {
    line.help = true;
    line.group = words[0];
    return line;
  }
  line.verb = &take_verb(words);
  line.call.verb = line.verb->name;

  // With --help, other mistakes are ignored.
  const auto end = std::find(words.begin(), words.end(), "--");
  line.help =
      std::any_of(words.begin(), end, [](const auto& word) { return word == "--help" || word == "-h"; });
  std::vector<std::string> arguments;
  try {
    for (const po::option& option : parse_words(*line.verb, words, options_of(*line.verb)).options) {
      if (option.position_key >= 0)
        arguments.insert(arguments.end(), option.value.begin(), option.value.end());
      for (const Flag& flag : line.verb->flags)
        if (flag.name == option.string_key)
          take_flag(*line.verb, flag, option.value, line.call);
    }
    if (line.help)
      return line;
    take_arguments(*line.verb, arguments, line.call);
    apply_defaults(*line.verb, line.call);
  } catch (const UsageError&) {
    if (!line.help)
      throw;
  }
  return line;
}

} // namespace cuecard::host
