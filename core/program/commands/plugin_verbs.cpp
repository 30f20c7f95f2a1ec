// Commands on plugins as files.
#include "program/commands/commands.hpp"

namespace cuecard::host {

using namespace commands;

std::vector<Verb> plugin_verbs() {
  Verb probe_child{"plugin probe-child", "", {{"file", path, ""}}, {}, ""};
  probe_child.hidden = true;
  std::vector<Verb> list = {
      {"plugin list",
       "list installed plugins and their components",
       {},
       Flags{toggle("all",
                    "Also list plugins that can't be used or are shadowed by another one, with the reason.")} +
           plugins + Flags{json},
       "cuecard plugin list",
       false},
      {"plugin info",
       "show a plugin or component and its options",
       {{"name", text, "Plugin id or component name."}},
       plugins + Flags{json},
       "cuecard plugin info prompt-tuning",
       false},
      {"plugin probe",
       "load a plugin in a child process and check that it is compatible",
       {{"file", path, "Plugin library."}},
       Flags{json},
       "cuecard plugin probe lib/cuecard/plugins/manual.so",
       false},
      {"plugin manifest",
       "print a plugin library's manifest without loading it",
       {{"file", path, "Plugin library."}},
       {},
       "cuecard plugin manifest lib/cuecard/plugins/manual.so",
       false},
      {"plugin new",
       "create a plugin project that builds and passes its tests",
       {{"name", text, "Plugin id: lower-case words joined by \"-\"."}},
       Flags{option("kind", "KIND", choice({"tuner", "verbalizer", "template", "backbone"}),
                    "Kind of component.", "tuner"),
             option("out", "DIR", path, "Output folder; must not exist. Default: the plugin's id.")},
       "cuecard plugin new my-tuner --kind tuner",
       false},
      {"plugin check",
       "run the conformance tests on a plugin",
       {{"file", path, "Plugin library.", false}},
       Flags{
           repeatable(
               option("only", "CASE", text,
                      "Run only this case, or all cases whose names start with this prefix, such as tuner.")),
           option("seed", "N", integer(0, 1e15), "Seed of the planted task, the tiny models and the training.",
                  "1"),
           option("limit", "SECONDS", number(0.1, 1e5), "Time limit per case.", "60"),
           repeatable(option("set", "NAME=VALUE", pair, "Set an option of its components.")),
           option("out", "DIR", path, "Also write the tiny models and the planted task here; must not exist."),
           toggle("list", "List the cases.")} +
           plugins + Flags{json},
       "cuecard plugin check build/plugins/abi3-torch2.15/my-tuner.so"},
  };
  list.push_back(probe_child);
  return list;
}

} // namespace cuecard::host
