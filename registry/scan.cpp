#include "registry.hpp"

#include <algorithm>
#include <map>

#include <cuecard/error.hpp>

#include "tool/sidecar.hpp"

namespace cuecard::registry {

namespace fs = std::filesystem;

namespace {

/// Paths of a folder with this ending, sorted, so that a scan does not depend on the file system.
std::vector<fs::path> files_with(const fs::path& folder, const char* ending,
                                 std::vector<std::string>& warnings) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == ending)
      files.push_back(at->path());
  if (error)
    warnings.push_back("the plugin folder " + folder.string() + " can't be read (" + error.message() + ").");
  std::ranges::sort(files);
  return files;
}

/// Why the file or its folder is not safe from others, or "". A file that is not there is safe.
std::string untrusted(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error))
    return "";
  for (const fs::path& each : {file.parent_path(), file})
    if (const std::string reason = writable_by_others(each); !reason.empty())
      return each.string() + " " + reason + ", so what is in it could be replaced; run `chmod go-w` on it.";
  return "";
}

/// Fills in all that the sidecar and the file system tell about one library.
std::shared_ptr<Plugin> examine(const fs::path& file, const std::string& origin) {
  auto plugin = std::make_shared<Plugin>();
  std::error_code error;
  plugin->library = fs::canonical(file, error);
  if (error)
    plugin->library = file;
  plugin->sidecar = fs::path(file).replace_extension(".json");
  plugin->origin = origin;
  plugin->manifest.id = file.stem().string();
  if (!fs::exists(plugin->sidecar, error)) {
    plugin->refusal = file.string() + " has no sidecar " + plugin->sidecar.filename().string() +
                      " beside it. If you trust the library, write one: `cuecard plugin manifest " +
                      file.string() + " > " + plugin->sidecar.string() + "`.";
    return plugin;
  }
  try {
    plugin->manifest = read_sidecar(plugin->sidecar);
  } catch (const DataError& damage) {
    plugin->refusal = damage.what();
    return plugin;
  }
  plugin->verdict = judge(plugin->manifest, file.string());
  if (!plugin->verdict.fits())
    plugin->refusal = plugin->verdict.mismatches.front();
  // Last, so that even a plugin that is not trusted is known by what it offers, and using it says why it can't
  // be.
  for (const fs::path& each : {file, plugin->library, plugin->sidecar})
    if (const std::string reason = untrusted(each); !reason.empty())
      plugin->refusal = reason;
  return plugin;
}

/// Two libraries of one folder with one id, and a library whose id is not its name.
void check_ids(std::vector<std::shared_ptr<Plugin>>& folder) {
  std::map<std::string, std::vector<Plugin*>> by_id;
  for (const auto& plugin : folder)
    by_id[plugin->manifest.id].push_back(plugin.get());
  for (const auto& [id, plugins] : by_id) {
    if (plugins.size() > 1) {
      for (Plugin* plugin : plugins)
        plugin->refusal = plugins[0]->library.string() + " and " + plugins[1]->library.filename().string() +
                          " in one folder both call themselves \"" + id + "\"; take one of them away.";
    } else if (Plugin& plugin = *plugins.front();
               plugin.refusal.empty() &&
               (plugin.library.stem() != id || plugin.manifest.file != plugin.library.filename())) {
      plugin.refusal = plugin.library.string() + " calls itself \"" + id + "\" and its file \"" +
                       plugin.manifest.file + "\"; a plugin's file must bear its id: name it " + id + ".so.";
    }
  }
}

void warn_of_orphans(const fs::path& folder, std::vector<std::string>& warnings) {
  std::error_code error;
  for (const fs::path& sidecar : files_with(folder, ".json", warnings))
    if (!fs::exists(fs::path(sidecar).replace_extension(".so"), error))
      warnings.push_back(sidecar.string() + " describes a plugin whose library is not beside it.");
}

} // namespace

Registry Registry::scan(const SearchPath& search) {
  Registry registry;
  registry.warnings_ = search.warnings;
  std::map<std::string, fs::path> winners;
  for (const Folder& folder : search.folders) {
    std::vector<std::shared_ptr<Plugin>> found;
    for (const fs::path& file : files_with(folder.path, ".so", registry.warnings_))
      found.push_back(examine(file, folder.origin));
    check_ids(found);
    for (const auto& plugin : found) {
      const std::string& id = plugin->manifest.id;
      const auto winner = winners.find(id);
      if (winner != winners.end() && winner->second.parent_path() != plugin->library.parent_path()) {
        plugin->shadowed_by = winner->second;
        registry.warnings_.push_back("plugin \"" + id + "\": " + winner->second.string() + " is used; " +
                                     plugin->library.string() + " comes later in the search path and is not.");
      } else {
        winners.emplace(id, plugin->library);
        if (!plugin->refusal.empty())
          registry.warnings_.push_back(plugin->refusal);
      }
      registry.plugins_.push_back(plugin);
    }
    warn_of_orphans(folder.path, registry.warnings_);
  }
  auto last = std::ranges::unique(registry.warnings_); // two of one name in one folder share their sentence
  registry.warnings_.erase(last.begin(), last.end());
  return registry;
}

} // namespace cuecard::registry
