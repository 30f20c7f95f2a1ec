// Commands that libcuecard-shipping runs (core/shipping): archives, indexes, installed plugins.
#include "program/commands/shipping_verbs.hpp"

#include <algorithm>

#include "program/commands/commands.hpp"

namespace cuecard::host {

using namespace commands;

namespace {

const Flag index_place = repeatable(option(
    "index", "DIR|URL", path,
    "Folder or https:// address of an index. Default: those of CUECARD_PLUGIN_INDEX, separated by spaces."));
const Flag folder =
    option("dir", "DIR", path, "Plugin folder. Default: cuecard/plugins in the user's data folder.");
const Flag system_folder = toggle("system", "Use the plugin folder of the installation, shared by all users.");

Verb light(Verb verb) {
  verb.engine = false;
  return verb;
}

} // namespace

std::vector<Verb> shipping_verbs() {
  return {
      light({"plugin pack",
             "pack a plugin into one archive (page \"Installing plugins\")",
             {{"file", path, "Plugin library, with its sidecar in the same folder."}},
             {required(option("out", "ARCHIVE", path, "Output archive, a .tar.gz file.")),
              option("readme", "FILE", path, "Default: README.md in the working directory."),
              option("license", "FILE", path, "Default: LICENSE in the working directory."),
              option("key", "FILE", path, "Sign with this private key of `cuecard plugin key new`.")},
             "cuecard plugin pack build/plugins/abi3-torch2.15/my-tuner.so --out my-tuner-1.0.0.tar.gz"}),
      light({"plugin key",
             "create a signing key for archives and indexes, or show its public key",
             {{"action", choice({"new", "show"}), "new: create a key; show: print the public key."},
              {"file", path, "Private key file; new never overwrites one."}},
             {},
             "cuecard plugin key new author.pem"}),
      light(
          {"plugin index",
           "create or update the index of a folder of archives",
           {{"folder", path, "Folder with archives of `cuecard plugin pack`; index.json is written into it."}},
           {option("key", "FILE", path, "Sign the index with this private key of `cuecard plugin key new`.")},
           "cuecard plugin index archives --key author.pem"}),
      light({"plugin search",
             "list the plugins of an index",
             {{"text", text, "Part of an id, a component's name or its summary. Default: all.", false}},
             {index_place, folder, system_folder, json},
             "cuecard plugin search tuner --index archives"}),
      light({"plugin install",
             "install a plugin from an archive or from an index",
             {{"plugin", text, "Archive, or the id of a plugin in an index."}},
             {index_place,
              option("version", "VERSION", text, "Version to install. Default: the newest compatible one."),
              folder, system_folder,
              toggle("downgrade", "Allow an older version to replace the installed one."), json},
             "cuecard plugin install my-tuner --index https://plugins.example.org/index"}),
      light({"plugin upgrade",
             "install the newest versions of installed plugins",
             {{"plugin", text, "Plugin ids. Default: all that were installed from archives.", false, true}},
             {index_place, folder, system_folder, json},
             "cuecard plugin upgrade --index https://plugins.example.org/index"}),
      light({"plugin remove",
             "remove a plugin that was installed from an archive",
             {{"plugin", text, "Plugin id."}},
             {folder, system_folder},
             "cuecard plugin remove my-tuner"}),
      light({"plugin verify",
             "verify installed plugins against their hashes, signatures and the trust policy",
             {{"plugin", text, "Plugin ids. Default: all.", false, true}},
             plugins + Flags{json},
             "cuecard plugin verify"}),
  };
}

bool is_shipping_verb(const std::string& name) {
  static const std::vector<Verb> table = shipping_verbs();
  return std::ranges::any_of(table, [&](const Verb& verb) { return verb.name == name; });
}

} // namespace cuecard::host
