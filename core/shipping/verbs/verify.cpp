/// `plugin verify` and `plugin remove`.
#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "program/one_line.hpp"
#include "registry/library.hpp"
#include "registry/registry.hpp"
#include "shipping/archive/plugin_folder.hpp"
#include "shipping/installation.hpp"
#include "shipping/verbs/verbs.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

struct Verified {
  std::string problem; ///< "" for none
  std::string key;     ///< of the signature; "" if not signed
};

Verified verify_one(const registry::Plugin& plugin) {
  Verified result;
  const fs::path folder = plugin.library.parent_path();
  std::error_code error;
  if (fs::exists(folder / registry::contents_name, error) ||
      fs::exists(folder / registry::signature_name, error)) {
    try {
      const PluginFolder found = read_plugin_folder(folder, folder.string());
      result.key = found.contents.signature ? found.contents.signature->key : "";
    } catch (const DataError& damaged) {
      result.problem = damaged.what();
    }
  }
  if (result.problem.empty()) {
    registry::Plugin alone = plugin; // whether it is shadowed says nothing about its bytes
    alone.shadowed_by.clear();
    result.problem = registry::verified(alone).refusal;
  }
  return result;
}

void print(const registry::Plugin& plugin, const Verified& found, bool json) {
  if (json) {
    using Json = nlohmann::ordered_json;
    std::cout << Json{{"id", plugin.manifest.id},
                      {"version", plugin.manifest.version},
                      {"library", plugin.library.string()},
                      {"ok", found.problem.empty()},
                      {"problem", found.problem},
                      {"key", found.key.empty() ? Json(nullptr) : Json(found.key)}}
                     .dump(-1, ' ', false, Json::error_handler_t::replace)
              << '\n';
    return;
  }
  std::cout << plugin.manifest.id << " " << host::one_line(plugin.manifest.version) << ": "
            << (!found.problem.empty() ? host::one_line(found.problem)
                : found.key.empty()    ? "ok, not signed"
                                       : "ok, signed by the key " + found.key)
            << '\n';
}

} // namespace

int verify(const host::Values& values) {
  const registry::Trust trust = registry::Trust::standard();
  const auto plugins =
      registry::Registry::scan(registry::SearchPath::standard(values.texts("plugin-path")), trust);
  for (const std::string& warning : plugins.warnings())
    std::cerr << "cuecard: warning: " << warning << '\n';
  const std::vector<std::string>& ids = values.texts("plugin");
  for (const std::string& id : ids)
    plugins.find_plugin(id); // throws and suggests the nearest id
  const bool json = values.given("json");
  if (!json)
    std::cout << "trusted: " << trust.described() << '\n';
  std::size_t checked = 0, failed = 0;
  for (const auto& plugin : plugins.plugins()) {
    if (plugin->other_host) // beside the one for this host, or refused for what it is
      continue;
    if (!ids.empty() && std::ranges::find(ids, plugin->manifest.id) == ids.end())
      continue;
    const Verified found = verify_one(*plugin);
    print(*plugin, found, json);
    ++checked;
    failed += !found.problem.empty();
  }
  if (failed == 0)
    return 0;
  throw PluginError(std::to_string(failed) + " of " + std::to_string(checked) +
                    " plugins can't be used as they are; reinstall or remove them.");
}

int remove(const host::Values& values) {
  const PluginPlace place = PluginPlace::chosen(values.text("dir"), values.given("system"));
  const InstalledPlugin removed = place.remove(values.text("plugin"));
  std::cout << removed.id << (removed.version.empty() ? "" : " " + host::one_line(removed.version))
            << " was removed from " << removed.folder.parent_path().string() << ".\n";
  return 0;
}

} // namespace cuecard::shipping
