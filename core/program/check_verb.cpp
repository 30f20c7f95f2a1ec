#include "program/check_verb.hpp"

namespace cuecard::host {

Verb check_verb() {
  using Kind = ValueType::Kind;
  const ValueType none{Kind::none, 0, 0, {}}, text{Kind::text, 0, 0, {}}, path{Kind::path, 0, 0, {}};
  const bool required = true, repeatable = true;
  return {"plugin check",
          "run a plugin through the conformance kit: what must hold for every plugin of its kinds",
          {{"file", path, "Plugin library.", !required}},
          {
              {"only", "CASE", text, "Run this case only, or all whose names begin with it, such as tuner.", "",
               !required, repeatable},
              {"seed",
               "N",
               {Kind::integer, 0, 1e15, {}},
               "Seed of the planted task, the tiny models and the training.",
               "1"},
              {"limit", "SECONDS", {Kind::number, 0.1, 1e5, {}}, "Time for each case.", "60"},
              {"set",
               "NAME=VALUE",
               {Kind::pair, 0, 0, {}},
               "An option of its components.",
               "",
               !required,
               repeatable},
              {"list", "", none, "List the cases.", ""},
              {"plugin-path", "DIR", path, "Search this folder for plugins first.", "", !required, repeatable},
              {"json", "", none, "Print JSON, one object per line (docs/json-output.md).", ""},
          },
          "cuecard plugin check build/plugins/abi3-torch2.15/my-tuner.so"};
}

} // namespace cuecard::host
