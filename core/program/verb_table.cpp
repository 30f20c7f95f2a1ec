#include "program/verb_table.hpp"

#include "program/commands/commands.hpp"

namespace cuecard::host {

namespace {

std::vector<Verb> all() {
  std::vector<Verb> table;
  for (const auto& part :
       {training_verbs(), prompt_verbs(), file_verbs(), plugin_verbs(), shipping_verbs(), program_verbs()})
    table.insert(table.end(), part.begin(), part.end());
  return table;
}

} // namespace

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> table = all();
  return table;
}

} // namespace cuecard::host
