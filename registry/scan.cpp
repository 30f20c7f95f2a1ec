#include "registry.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <cuecard/error.hpp>

#include "blocked.hpp"
#include "manifest/sidecar.hpp"
#include "trust/contents.hpp"

namespace cuecard::registry {

namespace fs = std::filesystem;

namespace {

/// Files with this extension, sorted so that a scan doesn't depend on the file system.
std::vector<fs::path> files_with(const fs::path& folder, const char* extension,
                                 std::vector<std::string>& warnings) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == extension)
      files.push_back(at->path());
  if (error)
    warnings.push_back("the plugin folder " + folder.string() + " can't be read (" + error.message() + ").");
  std::ranges::sort(files);
  return files;
}

/// Why others could replace the file, or "" if they can't or it doesn't exist.
std::string untrusted(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error))
    return "";
  for (const fs::path& each : {file.parent_path(), file})
    if (const std::string reason = writable_by_others(each); !reason.empty())
      return each.string() + " " + reason + ", so its contents could be replaced; run `chmod go-w` on it.";
  return "";
}

/// Reads the sidecar and checks compatibility, trust and permissions of a library.
std::shared_ptr<Plugin> examine(const fs::path& file, const Folder& folder, const Trust& trust) {
  auto plugin = std::make_shared<Plugin>();
  std::error_code error;
  plugin->library = fs::canonical(file, error);
  if (error)
    plugin->library = file;
  plugin->sidecar = fs::path(file).replace_extension(".json");
  plugin->origin = folder.origin;
  plugin->other_host = folder.other_host;
  plugin->manifest.id = file.stem().string();
  if (!fs::exists(plugin->sidecar, error)) {
    plugin->refusal = file.string() + " has no sidecar " + plugin->sidecar.filename().string() +
                      ". If you trust the library, generate one: `cuecard plugin manifest " + file.string() +
                      " > " + plugin->sidecar.string() + "`.";
    return plugin;
  }
  try {
    plugin->manifest = read_sidecar(plugin->sidecar);
  } catch (const DataError& unreadable) {
    plugin->refusal = unreadable.what();
    return plugin;
  }
  plugin->verdict = judge(plugin->manifest, file.string());
  if (!plugin->verdict.fits())
    plugin->refusal = plugin->verdict.mismatches.front();
  else if (folder.other_host)
    plugin->refusal = file.string() + " is in a folder for another plugin ABI or LibTorch. Move it to " +
                      (folder.path.parent_path() / abi_folder()).string() + ".";
  if (!fs::exists(file, error))
    plugin->refusal = plugin->sidecar.string() + " is the sidecar of a library that doesn't exist, " +
                      file.filename().string() + ". Reinstall the plugin, or remove the sidecar.";
  if (const std::string reason = BlockedAreTaken::now() ? "" : blocked_reason(plugin->manifest.sha256);
      plugin->refusal.empty() && !reason.empty())
    plugin->refusal = file.string() +
                      " is blocked until its file changes, because of an earlier check: " + reason +
                      " Rebuild or reinstall it, or run `cuecard plugin check` on it again.";
  const bool came_with_program =
      (folder.origin == "installed" || folder.origin == "build tree") && file.parent_path() == folder.path;
  if (plugin->refusal.empty() && !came_with_program)
    plugin->refusal =
        trust.refusal(plugin->library.string(), plugin->manifest.sha256, plugin->library.parent_path());
  // Last, so that the components of an untrusted plugin are known and using one reports why it can't be used.
  for (const fs::path& each : {file, plugin->library, plugin->sidecar})
    if (const std::string reason = untrusted(each); !reason.empty())
      plugin->refusal = reason;
  if (const std::string reason = writable_by_others(folder.path); !reason.empty())
    plugin->refusal =
        folder.path.string() + " " + reason + ", so its contents could be replaced; run `chmod go-w` on it.";
  return plugin;
}

/// Rejects libraries in one folder that share an id, and a library whose id differs from its file name.
void check_ids(std::vector<std::shared_ptr<Plugin>>& folder) {
  std::map<std::string, std::vector<Plugin*>> by_id;
  for (const auto& plugin : folder)
    by_id[plugin->manifest.id].push_back(plugin.get());
  for (const auto& [id, plugins] : by_id) {
    if (plugins.size() > 1) {
      for (Plugin* plugin : plugins)
        plugin->refusal = plugins[0]->library.string() + " and " + plugins[1]->library.string() +
                          " in one folder both have the id \"" + id + "\"; remove one of them.";
    } else if (Plugin& plugin = *plugins.front();
               plugin.refusal.empty() &&
               (plugin.library.stem() != id || plugin.manifest.file != plugin.library.filename())) {
      plugin.refusal = plugin.library.string() + " has the id \"" + id + "\" and the file name \"" +
                       plugin.manifest.file +
                       "\" in its manifest; a plugin's file must be named after its id: " + id + ".so.";
    }
  }
}

/// The libraries of a folder and of its plugins' own subfolders, and those that are missing beside a sidecar.
std::set<fs::path> libraries_in(const fs::path& folder, std::vector<std::string>& warnings) {
  std::set<fs::path> libraries;
  for (const char* extension : {".so", ".json"})
    for (const fs::path& file : files_with(folder, extension, warnings))
      libraries.insert(fs::path(file).replace_extension(".so"));
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const fs::path own = at->path() / (at->path().filename().string() + ".so");
    std::error_code ignored;
    if (is_plugin_id(own.stem().string()) &&
        (fs::exists(own, ignored) || fs::exists(fs::path(own).replace_extension(".json"), ignored)))
      libraries.insert(own);
  }
  return libraries;
}

} // namespace

Registry Registry::scan(const SearchPath& search, const Trust& trust) {
  Registry registry;
  registry.warnings_ = search.warnings;
  std::map<std::string, fs::path> winners;
  for (const Folder& folder : search.folders) {
    std::vector<std::shared_ptr<Plugin>> found;
    for (const fs::path& file : libraries_in(folder.path, registry.warnings_))
      found.push_back(examine(file, folder, trust));
    check_ids(found);
    for (const auto& plugin : found) {
      const std::string& id = plugin->manifest.id;
      const auto winner = winners.find(id);
      if (winner != winners.end() && winner->second.parent_path() != plugin->library.parent_path()) {
        plugin->shadowed_by = winner->second;
      } else {
        winners.emplace(id, plugin->library);
      }
      registry.plugins_.push_back(plugin);
    }
  }
  std::vector<std::string>& warnings = registry.warnings_;
  warnings.erase(std::unique(warnings.begin(), warnings.end()),
                 warnings.end()); // a folder is read once for each extension
  return registry;
}

} // namespace cuecard::registry
