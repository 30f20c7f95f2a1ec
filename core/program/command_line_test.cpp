#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <set>

#include <cuecard/error.hpp>

#include "program/command_line.hpp"
#include "program/help.hpp"

using namespace cuecard;
using namespace cuecard::host;

namespace {

std::string complaint(const std::vector<std::string>& words) {
  try {
    parse(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("values are stored by name and defaults applied") {
  const CommandLine line = parse({"train", "--task", "t.json", "--model=M", "--tuner", "prompt-tuning", "--out",
                                  "c", "--set", "length=20", "--set=init=a = b", "--lr", "0.02", "--json"});
  REQUIRE(line.verb);
  CHECK(!line.help);
  CHECK(line.call.verb == "train");
  const auto& values = line.call.values;
  CHECK(values.at("model") == Texts{"M"});
  CHECK(values.at("set") == Texts{"length=20", "init=a = b"});
  CHECK(values.at("lr") == Texts{"0.02"});
  CHECK(values.at("json") == Texts{"true"});
  CHECK(values.at("dtype") == Texts{"float32"});
  CHECK(!values.contains("steps"));
  CHECK(!values.contains("quiet"));
}

TEST_CASE("two-word commands and positional arguments") {
  const CommandLine line = parse({"model", "convert", "a.gguf", "--dtype", "float16", "b"});
  CHECK(line.call.verb == "model convert");
  CHECK(line.call.values.at("file") == Texts{"a.gguf"});
  CHECK(line.call.values.at("folder") == Texts{"b"});
  const CommandLine texts = parse({"predict", "--card", "c", "--model", "m", "one", "two", "--", "--three"});
  CHECK(texts.call.values.at("text") == Texts{"one", "two", "--three"});
  CHECK(parse({"predict", "--card", "c", "--card", "d", "--model", "m"}).call.values.at("card") ==
        Texts{"c", "d"});
  CHECK(parse({"fill", "--model", "m", "--template", "-x {text}"}).call.values.at("template") ==
        Texts{"-x {text}"});
}

TEST_CASE("help is shown even if the rest is wrong") {
  CHECK(parse({}).help);
  CHECK(parse({"--help"}).help);
  const CommandLine line = parse({"train", "--tuner", "x", "--help"});
  CHECK(line.help);
  CHECK(line.verb->name == "train");
  CHECK(line.call.values.at("tuner") == Texts{"x"});
  CHECK(parse({"eval", "--nonsense", "-h"}).help);
  for (const char* group : {"card", "model", "plugin"}) {
    CHECK(parse({group, "--help"}).help);
    CHECK(parse({group, "-h"}).group == group);
    CHECK(group_help(group).find(std::string("Usage: cuecard ") + group + " SUBCOMMAND") == 0);
  }
  CHECK(group_help("card").find("  import ") != std::string::npos);
  CHECK(group_help("train").empty());
  CHECK(parse({"--version"}).verb->name == "version");
}

TEST_CASE("errors name what was expected") {
  const std::vector<std::pair<Texts, std::string>> cases = {
      {{"trian"}, "\"trian\" is not a cuecard command. Did you mean \"train\"?"},
      {{"zzzzzzz"}, "See `cuecard help`."},
      {{"plugin"},
       "`cuecard plugin` needs a subcommand: one of list, info, probe, manifest, new, "
       "check, pack, key, index, search, install, upgrade, remove, verify."},
      {{"plugin", "lst"}, "Did you mean \"list\"?"},
      {{"--json"}, "flags come after the command, so --json can't come first."},
      {{"eval", "--modle", "m"}, "`cuecard eval`: unknown flag --modle. Did you mean --model?"},
      {{"eval", "--mod", "m"}, "unknown flag --mod."},
      {{"eval", "--model"}, "`cuecard eval`: --model needs a value."},
      {{"eval", "--json=1", "--model", "m", "--card", "c"}, "--json takes no value"},
      {{"eval", "--model", "m"}, "`cuecard eval` needs --card CARD. Example: `cuecard eval"},
      {{"eval", "--model", "a", "--model", "b", "--card", "c"}, "--model may be given only once"},
      {{"eval", "--model", "m", "--card", "c", "--threads", "0"},
       "--threads is \"0\"; expected a whole number from 1 to 1024."},
      {{"eval", "--model", "m", "--card", "c", "--threads", "1.5"}, "a whole number from"},
      {{"train", "--task", "t", "--model", "m", "--tuner", "x", "--out", "c", "--seed", "-1"}, "--seed"},
      {{"eval", "--model", "m", "--card", "c", "--seed", "1"}, "--seed"}, // evaluation draws no random numbers
      {{"eval", "--model", "m", "--card", "c", "--dtype", "float64"},
       "--dtype is \"float64\"; expected one of float32, bfloat16, float16, stored, int8."},
      {{"eval", "--model", "m", "--card", "c", "--device", "gpu"}, "expected cpu, cuda or cuda:N."},
      {{"eval", "--model", "m", "--card", "c", "--column", "text"}, "expected NAME=VALUE."},
      {{"eval", "--model", "", "--card", "c"}, "expected a path."},
      {{"eval", "--model", "m", "--card", "c", "stray"}, "\"stray\" is an unexpected argument."},
      {{"train", "--lr", "0x1p3"}, "--lr is \"0x1p3\"; expected a number from"},
      {{"model", "convert", "a.gguf"}, "`cuecard model convert` needs folder."},
      {{"completion", "fish"}, "shell is \"fish\"; expected one of bash, zsh."},
  };
  for (const auto& [words, expected] : cases) {
    const std::string found = complaint(words);
    CAPTURE(found);
    CAPTURE(expected);
    CHECK(found.find(expected) != found.npos);
  }
}

TEST_CASE("every command has help with its flags and an example") {
  std::set<std::string> names;
  for (const Verb& verb : verbs()) {
    CAPTURE(verb.name);
    CHECK(names.insert(verb.name).second);
    if (verb.hidden)
      continue;
    const std::string help = verb_help(verb);
    CHECK(help.find("Example:\n  " + verb.example) != help.npos);
    CHECK(verb.example.find("cuecard " + verb.name) != verb.example.npos);
    CHECK(program_help().find("  " + verb.name + " ") != std::string::npos);
    CHECK(bash_completion().find("'" + verb.name + " '*)") != std::string::npos);
    CHECK(zsh_completion().find("  '" + verb.name + "')\n    _arguments") != std::string::npos);
    const std::string page = man_page(verb, "1.2.3");
    std::set<std::string> flags;
    for (const Flag& flag : verb.flags) {
      CHECK_MESSAGE(flags.insert(flag.name).second, flag.name);
      CHECK(help.find("--" + flag.name) != help.npos);
      std::string dashes = "\\-\\-" + flag.name; // a plain one may be shown as a hyphen, which can't be copied
      for (std::size_t at = 4; (at = dashes.find('-', at)) != dashes.npos; at += 2)
        dashes.insert(at, "\\");
      CHECK(page.find(dashes) != page.npos);
    }
  }
}
