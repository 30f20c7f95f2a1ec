#include "shipping/installation.hpp"

#include <algorithm>

#include <sys/stat.h>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "files/run_lock.hpp"
#include "registry/judge.hpp"
#include "registry/search.hpp"
#include "shipping/archive/archive.hpp"
#include "shipping/index/version_order.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

/// Whatever the umask: everybody may read what is installed, and only its owner may write it.
void set_permissions(const fs::path& folder) {
  using fs::perms;
  const perms file = perms::owner_read | perms::owner_write | perms::group_read | perms::others_read;
  fs::permissions(folder, file | perms::owner_exec | perms::group_exec | perms::others_exec);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    fs::permissions(entry.path(), file);
}

/// Removes what killed installations and removals of this plugin left in the folder, which must be locked. Returns whether there was any.
bool remove_leftovers(const fs::path& folder, const std::string& id) {
  bool any = false;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("." + id + "."))
      any = fs::remove_all(entry.path(), error) > 0 || any;
  return any;
}

InstalledPlugin installed_in(const fs::path& folder) {
  const registry::SignedContents found = registry::read_signed_contents(folder, folder.string());
  return {folder, found.contents.id, found.contents.version, found.signature};
}

/// Throws DoesNotFit for what this host can't use.
void check_fit(const Manifest& manifest, const std::string& shown) {
  const registry::Verdict verdict = registry::judge(manifest, shown);
  if (!verdict.fits())
    throw DoesNotFit(manifest.id, verdict.mismatches.front());
  for (const ComponentInfo& component : manifest.components)
    if (const std::string reason = registry::interface_mismatch(component, shown); !reason.empty())
      throw DoesNotFit(manifest.id, reason);
}

std::string signer(const std::optional<registry::Signature>& signature) {
  return signature ? "signed by the key " + signature->key : "not signed";
}

/// Throws PluginError if it is too damaged to be compared with what replaces it.
registry::SignedContents read_installed(const fs::path& folder) {
  try {
    return registry::read_signed_contents(folder, folder.string());
  } catch (const DataError& damaged) {
    throw PluginError(std::string(damaged.what()) + " Run `cuecard plugin remove " +
                      folder.filename().string() + "` first.");
  }
}

/// Its files may have been changed since they were installed.
bool is_intact(const fs::path& folder, std::vector<std::string>& remarks) {
  try {
    read_plugin_folder(folder, folder.string());
    return true;
  } catch (const DataError& damaged) {
    remarks.push_back(std::string(damaged.what()) + " It was installed again.");
    return false;
  }
}

/// Throws PluginError if the archive must not replace the installed plugin. Returns whether both are the same.
bool compare_with_installed(const PluginFolder& next, const registry::SignedContents& last, bool downgrade,
                            const std::string& shown) {
  const registry::Contents &now = next.contents.contents, &before = last.contents;
  if (last.signature && (!next.contents.signature || next.contents.signature->key != last.signature->key))
    throw PluginError(shown + ": is " + signer(next.contents.signature) + "; the installed " + before.id + " " +
                      before.version + " is " + signer(last.signature) +
                      ". If its author has changed the key, run `cuecard plugin remove " + before.id +
                      "` first.");
  const int order = compare_versions(now.version, before.version);
  if (order < 0 && !downgrade)
    throw PluginError(shown + ": is " + now.id + " " + now.version + ", older than the installed " +
                      before.version + "; use --downgrade to install it all the same.");
  if (order == 0 && now != before)
    throw PluginError(
        shown + ": is " + now.id + " " + now.version +
        " with other bytes than the installed one of the same version, so one of them was replaced; "
        "ask its author, or run `cuecard plugin remove " +
        before.id + "` first.");
  return order == 0;
}

} // namespace

PluginPlace::PluginPlace(const fs::path& folder) : folder_(fs::absolute(folder) / registry::abi_folder()) {}

PluginPlace PluginPlace::chosen(const std::string& folder, bool system) {
  if (system && !folder.empty())
    throw UsageError("--system and --dir name two places; give one of them.");
  if (system)
    return PluginPlace(registry::program_prefix() / "lib" / "cuecard" / "plugins");
  if (!folder.empty())
    return PluginPlace(folder);
  const fs::path user = registry::user_plugin_folder();
  if (user.empty())
    throw UsageError("neither XDG_DATA_HOME nor HOME is set to an absolute path; name a folder with --dir.");
  return PluginPlace(user);
}

void PluginPlace::make_folder() const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error)
    throw DataError(folder_.string() + ": can't be made (" + error.message() +
                    "); name a folder that you can write to with --dir.");
  if (const std::string reason = registry::writable_by_others(folder_); !reason.empty())
    throw DataError(folder_.string() + " " + reason +
                    ", so no plugin in it would be used; run `chmod go-w` on it.");
}

InstallResult PluginPlace::install(const fs::path& archive, const InstallRules& rules) const {
  const std::string shown = archive.filename().string();
  // Others must not be able to write there, even during unpacking. The umask applies to the whole process,
  // which does nothing else.
  constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;
  ::umask(::umask(writable_by_others) | writable_by_others);
  make_folder();
  const RunLock lock(folder_ / ".lock", folder_, "plugin folder");
  InstallResult result;
  if (!lock.remark().empty())
    result.remarks.push_back(lock.remark());

  const fs::path target = folder_ / listed_contents(archive).id;
  if (remove_leftovers(folder_, target.filename().string()))
    result.remarks.push_back("What an earlier installation that was killed had left in " + folder_.string() +
                             " was removed.");
  AtomicDirectory staged(target);
  unpack_archive(archive, staged.path());
  set_permissions(staged.path());
  const PluginFolder plugin = read_plugin_folder(staged.path(), shown);
  const registry::Contents& contents = plugin.contents.contents;
  if (contents.id != target.filename())
    throw DataError(archive.string() + ": changed while it was read; nothing was installed.");
  check_fit(plugin.manifest, shown);
  if (const std::string reason = rules.trust.refusal(shown, contents.library().sha256, staged.path());
      !reason.empty())
    throw PluginError(reason);

  result.plugin = {target, contents.id, contents.version, plugin.contents.signature};
  result.library_sha256 = contents.library().sha256;
  std::error_code error;
  for (const char* extension : {".so", ".json"})
    if (const fs::path file = folder_ / (contents.id + extension); fs::exists(fs::symlink_status(file, error)))
      throw DataError(file.string() +
                      ": was not installed from an archive and would be found beside it; remove it first.");
  if (fs::exists(fs::symlink_status(target, error))) {
    const registry::SignedContents before = read_installed(target);
    result.replaced = before.contents.version;
    const bool same = compare_with_installed(plugin, before, rules.downgrade, shown);
    if (same && before.signature == plugin.contents.signature && is_intact(target, result.remarks)) {
      result.unchanged = true;
      return result;
    }
    if (same && !before.signature && plugin.contents.signature)
      result.remarks.emplace_back("The installed copy was not signed.");
  }
  staged.commit();
  return result;
}

InstalledPlugin PluginPlace::remove(const std::string& id) const {
  const fs::path folder = folder_ / id;
  std::error_code error;
  if (!registry::is_plugin_id(id) || !fs::is_directory(fs::symlink_status(folder, error)) ||
      !(fs::exists(folder / registry::contents_name, error) ||
        fs::exists(folder / registry::signature_name, error))) {
    std::vector<std::string> ids;
    for (const InstalledPlugin& plugin : installed())
      ids.push_back(plugin.id);
    const bool by_hand = registry::is_plugin_id(id) && fs::exists(folder_ / (id + ".so"), error);
    if (registry::is_plugin_id(id) && fs::exists(fs::symlink_status(folder, error)))
      throw UsageError(folder.string() +
                       " was not installed from an archive, or is a link; remove it yourself.");
    throw UsageError(by_hand ? (folder_ / (id + ".so")).string() +
                                   " was not installed from an archive; remove it and " + id + ".json yourself."
                             : "no plugin \"" + id + "\" was installed from an archive in " + folder_.string() +
                                   "." + did_you_mean(id, ids) + " See `cuecard plugin list`.");
  }
  const RunLock lock(folder_ / ".lock", folder_, "plugin folder");
  InstalledPlugin plugin{folder, id, "", std::nullopt};
  try {
    plugin = installed_in(folder);
  } catch (const DataError&) {
    // A damaged plugin is removed, too.
  }
  // Renamed first, so that a half-removed plugin is never found.
  const fs::path aside = folder_ / ("." + id + ".removed");
  fs::remove_all(aside, error);
  fs::rename(folder, aside, error);
  if (error)
    throw DataError(folder.string() + ": can't be removed (" + error.message() + ").");
  fs::remove_all(aside, error);
  return plugin;
}

std::vector<InstalledPlugin> PluginPlace::installed() const {
  std::vector<InstalledPlugin> found;
  std::error_code error;
  for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    try {
      if (std::error_code none; registry::is_plugin_id(at->path().filename().string()) &&
                                fs::exists(at->path() / registry::contents_name, none))
        found.push_back(installed_in(at->path()));
    } catch (const DataError&) {
      // `plugin verify` says what is wrong with it.
    }
  }
  std::ranges::sort(found, {}, &InstalledPlugin::id);
  return found;
}

std::optional<InstalledPlugin> PluginPlace::find(const std::string& id) const {
  for (InstalledPlugin& plugin : installed())
    if (plugin.id == id)
      return plugin;
  return std::nullopt;
}

} // namespace cuecard::shipping
