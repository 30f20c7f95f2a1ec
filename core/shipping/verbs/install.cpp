/// `plugin install` and `plugin upgrade`.
#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "files/temporary_folder.hpp"
#include "program/one_line.hpp"
#include "registry/registry.hpp"
#include "shipping/index/index_source.hpp"
#include "shipping/index/version_order.hpp"
#include "shipping/installation.hpp"
#include "shipping/verbs/verbs.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::ordered_json;

/// An archive that an index lists.
struct Choice {
  const IndexSource* source = nullptr;
  const IndexEntry* entry = nullptr;
};

/// Indexes, read once.
class Indexes {
public:
  Indexes(std::vector<IndexSource> sources, const registry::Trust& trust) : sources_(std::move(sources)) {
    for (const IndexSource& source : sources_)
      read_.push_back(source.read(trust));
  }

  /// The newest version that fits this host, or the newest of all; the first index that has it.
  Choice newest(const std::string& id, bool fitting, const std::string& version = "") const {
    Choice best;
    for (std::size_t i = 0; i < read_.size(); ++i) {
      const IndexEntry* const entry = read_[i].newest(id, fitting, version);
      if (entry && (!best.entry || compare_versions(entry->manifest.version, best.entry->manifest.version) > 0))
        best = {&sources_[i], entry};
    }
    return best;
  }

  /// "1.0.0 for abi3-torch2.14 linux-x86_64, ..."; "" for none.
  std::string builds(const std::string& id) const {
    std::string text;
    for (const PluginIndex& index : read_)
      for (const IndexEntry* entry : index.of(id))
        text += (text.empty() ? "" : ", ") + host::one_line(entry->manifest.version) + " for " + entry->build();
    return text;
  }

  std::string places() const {
    std::string text;
    for (const IndexSource& source : sources_)
      text += (text.empty() ? "" : ", ") + source.place();
    return text;
  }

  std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (const PluginIndex& index : read_)
      std::ranges::copy(index.ids(), std::back_inserter(ids));
    return ids;
  }

private:
  std::vector<IndexSource> sources_;
  std::vector<PluginIndex> read_;
};

/// Says where a build for this host is, when another one was given.
std::string fitting_build(const fs::path& archive, const std::string& id, const host::Values& values) {
  std::vector<IndexSource> sources = IndexSource::chosen(values.texts("index"), false);
  std::error_code error;
  const fs::path beside = fs::absolute(archive).parent_path();
  if (sources.empty() && fs::exists(beside / index_name, error))
    sources.emplace_back(beside.string());
  if (sources.empty())
    return " No configured index could have another build; give one with --index.";
  try {
    const Indexes indexes(std::move(sources), registry::Trust::standard());
    if (const Choice found = indexes.newest(id, true); found.entry)
      return " " + id + " " + host::one_line(found.entry->manifest.version) +
             " fits: " + found.source->place_of(*found.entry) + "; run `cuecard plugin install " + id +
             " --index " + found.source->place() + "`.";
    const std::string builds = indexes.builds(id);
    return " " + indexes.places() + " has no build that fits" +
           (builds.empty() ? "." : ", but " + builds + ".");
  } catch (const Error& unreadable) {
    return std::string(" The index can't be used: ") + unreadable.what();
  }
}

/// What else a user should know about a plugin that was just installed.
void add_remarks(InstallResult& result) {
  const fs::path library = fs::weakly_canonical(result.plugin.folder / (result.plugin.id + ".so"));
  const auto plugins = registry::Registry::scan(registry::SearchPath::standard({}));
  bool found = false;
  for (const auto& plugin : plugins.plugins()) {
    if (plugin->library == library) {
      found = true;
      if (!plugin->refusal.empty())
        result.remarks.push_back("It can't be used: " + plugin->refusal);
      if (!plugin->shadowed_by.empty())
        result.remarks.push_back("It is not used, since " + plugin->shadowed_by.string() +
                                 " comes earlier in the search path.");
    } else if (plugin->shadowed_by == library) {
      result.remarks.push_back("It is used instead of " + plugin->library.string() + ".");
    }
  }
  if (!found)
    result.remarks.push_back("The folder is not searched by default; name it with --plugin-path " +
                             result.plugin.folder.parent_path().parent_path().string() +
                             " or CUECARD_PLUGIN_PATH.");
}

void print(const InstallResult& result, bool json) {
  const InstalledPlugin& plugin = result.plugin;
  const std::string key = plugin.signature ? plugin.signature->key : "";
  if (json) {
    std::cout << Json{{"id", plugin.id},
                      {"version", plugin.version},
                      {"replaced", result.replaced},
                      {"unchanged", result.unchanged},
                      {"folder", plugin.folder.string()},
                      {"sha256", result.library_sha256},
                      {"key", key.empty() ? Json(nullptr) : Json(key)},
                      {"remarks", result.remarks}}
                     .dump(-1, ' ', false, Json::error_handler_t::replace)
              << '\n';
    return;
  }
  const std::string name = plugin.id + " " + host::one_line(plugin.version);
  std::cout << name
            << (result.unchanged          ? " is installed already in "
                : result.replaced.empty() ? " is installed in "
                                          : " replaces " + host::one_line(result.replaced) + " in ")
            << plugin.folder.string()
            << (key.empty() ? "; it is not signed.\n" : "; it is signed by the key " + key + ".\n");
  for (const std::string& remark : result.remarks)
    std::cerr << "cuecard: warning: " << host::one_line(remark) << '\n';
}

InstallResult install_choice(const Choice& choice, const PluginPlace& place, const InstallRules& rules) {
  const TemporaryFolder folder("plugin");
  const fs::path archive = folder.path() / choice.entry->archive;
  choice.source->fetch(*choice.entry, archive);
  return place.install(archive, rules);
}

InstallResult install_file(const fs::path& archive, const PluginPlace& place, const InstallRules& rules,
                           const host::Values& values) {
  try {
    return place.install(archive, rules);
  } catch (const DoesNotFit& mismatch) {
    throw PluginError(mismatch.what() + fitting_build(archive, mismatch.id(), values));
  }
}

InstallResult install_named(const std::string& id, const PluginPlace& place, const InstallRules& rules,
                            const host::Values& values) {
  const Indexes indexes(IndexSource::chosen(values.texts("index")), rules.trust);
  const std::string version = values.text("version");
  const Choice choice = indexes.newest(id, true, version), newest = indexes.newest(id, false, version);
  if (!newest.entry) {
    const std::string builds = indexes.builds(id);
    throw UsageError(indexes.places() + " has no plugin " + id + (version.empty() ? "" : " " + version) + "." +
                     (builds.empty() ? did_you_mean(id, indexes.ids()) : " It has " + builds + "."));
  }
  if (!choice.entry)
    throw PluginError(newest.entry->mismatch() + " " + indexes.places() + " has " + indexes.builds(id) + ".");
  InstallResult result = install_choice(choice, place, rules);
  if (compare_versions(newest.entry->manifest.version, choice.entry->manifest.version) > 0)
    result.remarks.push_back("There is a newer version, which doesn't fit: " + newest.entry->mismatch());
  return result;
}

} // namespace

int install(const host::Values& values) {
  const PluginPlace place = PluginPlace::chosen(values.text("dir"), values.given("system"));
  const InstallRules rules{registry::Trust::standard(), values.given("downgrade")};
  const std::string wanted = values.text("plugin");
  const bool named = registry::is_plugin_id(wanted);
  if (!named && values.given("version"))
    throw UsageError("--version chooses among the archives of an index, and " + wanted +
                     " is a file; name the plugin by its id.");
  InstallResult result =
      named ? install_named(wanted, place, rules, values) : install_file(wanted, place, rules, values);
  add_remarks(result);
  print(result, values.given("json"));
  return 0;
}

int upgrade(const host::Values& values) {
  const PluginPlace place = PluginPlace::chosen(values.text("dir"), values.given("system"));
  std::vector<std::string> ids = values.texts("plugin");
  const std::vector<InstalledPlugin> installed = place.installed();
  const auto find = [&](const std::string& id) {
    return std::ranges::find(installed, id, &InstalledPlugin::id);
  };
  for (const std::string& id : ids)
    if (find(id) == installed.end())
      throw UsageError("no plugin \"" + id + "\" was installed from an archive in " + place.folder().string() +
                       "; see `cuecard plugin list`.");
  if (ids.empty())
    std::ranges::transform(installed, std::back_inserter(ids), &InstalledPlugin::id);
  const InstallRules rules{registry::Trust::standard(), false};
  const Indexes indexes(IndexSource::chosen(values.texts("index")), rules.trust);
  bool json = values.given("json");
  for (const std::string& id : ids) {
    const InstalledPlugin& plugin = *find(id);
    const Choice choice = indexes.newest(id, true);
    if (choice.entry && compare_versions(choice.entry->manifest.version, plugin.version) > 0) {
      InstallResult result = install_choice(choice, place, rules);
      add_remarks(result);
      print(result, json);
    } else if (!json) {
      std::cout << id << " " << host::one_line(plugin.version)
                << (choice.entry ? " is the newest that fits.\n"
                                 : " stays: " + indexes.places() + " has no build of it that fits.\n");
    }
  }
  if (ids.empty() && !json)
    std::cout << "no plugin was installed from an archive in " << place.folder().string() << '\n';
  return 0;
}

} // namespace cuecard::shipping
