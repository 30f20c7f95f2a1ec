/// The `cuecard` executable: parses the command line and calls libcuecard for commands that need the engine.
#include <iostream>
#include <string>
#include <vector>

#include "program/command_line.hpp"
#include "program/engine_library.hpp"
#include "program/failure.hpp"
#include "program/help.hpp"
#include "program/light_verbs.hpp"
#include "registry/options.hpp"
#include "registry/registry.hpp"

namespace cuecard::host {

namespace {

/// `train --tuner NAME --help` also shows the tuner's own options.
void print_help(const CommandLine& line) {
  if (!line.verb) {
    std::cout << (line.group.empty() ? program_help() : group_help(line.group));
    return;
  }
  std::cout << verb_help(*line.verb);
  const auto tuner = line.call.values.find("tuner");
  if (tuner == line.call.values.end())
    return;
  const auto path = line.call.values.find("plugin-path");
  const auto search = registry::SearchPath::standard(path == line.call.values.end() ? std::vector<std::string>{}
                                                                                    : path->second);
  const auto plugins = registry::Registry::scan(search);
  std::cout << "\nTuner options (--set NAME=VALUE):\n"
            << registry::describe(plugins.find(CUECARD_TUNER, tuner->second.front()).component());
}

int run(const std::vector<std::string>& words) {
  try {
    const CommandLine line = parse(words);
    if (line.help) {
      print_help(line);
      return 0;
    }
    return line.verb->engine ? run_in_engine(line.call) : run_without_engine(line.call);
  } catch (...) {
    return report_failure();
  }
}

} // namespace

} // namespace cuecard::host

int main(int count, char** words) {
  const int code = cuecard::host::run({words + 1, words + count});
  if (!std::cout.flush()) {
    std::cerr << "cuecard: can't write to standard output.\n";
    return code == 0 ? 1 : code;
  }
  return code;
}
