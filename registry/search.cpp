#include "search.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <cuecard/error.hpp>

#include "judge.hpp"

namespace cuecard::registry {

namespace fs = std::filesystem;

namespace {

std::string environment(const char* name) {
  const char* value = ::secure_getenv(name);
  return value ? value : "";
}

void add_environment(SearchPath& search) {
  const std::string list = environment("CUECARD_PLUGIN_PATH");
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    const fs::path path = list.substr(begin, end - begin);
    if (path.is_absolute())
      search.add(path, "CUECARD_PLUGIN_PATH");
    else if (!path.empty())
      search.warnings.push_back("CUECARD_PLUGIN_PATH holds the relative path \"" + path.string() +
                                "\"; only absolute paths are searched.");
    begin = end + 1;
  }
}

/// <prefix>/bin/program or <prefix>/lib/[multiarch/]libcuecard.so -> <prefix>/lib/cuecard/plugins.
void add_installed(SearchPath& search) {
  std::error_code error;
  const fs::path tree = program_prefix();
  if (!tree.empty())
    search.add(tree / "lib" / "cuecard" / "plugins", "installed");
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&abi_folder), &info) && info.dli_fname) {
    const fs::path library = fs::canonical(info.dli_fname, error);
    if (!error) {
      search.add(library.parent_path() / "cuecard" / "plugins", "installed");
      search.add(library.parent_path().parent_path() / "cuecard" / "plugins", "installed");
    }
  }
  // A build tree, recognised by its cache file, has programs in bin/ and plugins in plugins/.
  if (!tree.empty() && fs::exists(tree / "CMakeCache.txt", error))
    search.add(tree / "plugins", "build tree");
}

/// Whether a folder is named as `abi_folder()` of some host is.
bool is_abi_folder(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return name.starts_with("abi") && name.find("-torch") != std::string::npos;
}

/// If it exists and is new.
void add_folder(std::vector<Folder>& folders, const fs::path& candidate, const std::string& origin,
                bool other_host) {
  std::error_code error;
  const fs::path folder = fs::canonical(candidate, error);
  if (error || !fs::is_directory(folder, error) || error)
    return;
  const auto same = [&](const Folder& known) { return known.path == folder; };
  if (std::ranges::none_of(folders, same))
    folders.push_back({folder, origin, other_host});
}

/// Debian and Red Hat give each user a private group, which may write by default.
bool is_private_group(gid_t group, uid_t owner) {
  const struct passwd* user = ::getpwuid(owner);
  if (!user)
    return false;
  const std::string name = user->pw_name;
  if (user->pw_gid != group)
    return false;
  const struct group* found = ::getgrgid(group);
  if (!found || name != found->gr_name)
    return false;
  for (char** member = found->gr_mem; *member; ++member)
    if (name != *member)
      return false;
  return true;
}

} // namespace

fs::path program_prefix() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : program.parent_path().parent_path();
}

fs::path user_plugin_folder() {
  const fs::path data = environment("XDG_DATA_HOME"), home = environment("HOME");
  if (data.is_absolute())
    return data / "cuecard" / "plugins";
  return home.is_absolute() ? home / ".local" / "share" / "cuecard" / "plugins" : fs::path();
}

std::string abi_folder() {
  const HostBuild host = HostBuild::current();
  return "abi" + std::to_string(host.abi_major) + "-torch" + std::to_string(host.torch_major) + "." +
         std::to_string(host.torch_minor);
}

void SearchPath::add(const fs::path& path, const std::string& origin) {
  add_folder(folders, path / abi_folder(), origin, false);
  add_folder(folders, path, origin, false);
}

void SearchPath::add_other_hosts() {
  for (const Folder& folder : std::vector<Folder>(folders)) {
    std::vector<fs::path> others;
    std::error_code error;
    for (fs::directory_iterator at(folder.path, error), end; !error && at != end; at.increment(error))
      if (is_abi_folder(at->path()))
        others.push_back(at->path());
    std::ranges::sort(others);
    for (const fs::path& other : others)
      add_folder(folders, other, folder.origin, true);
  }
}

SearchPath SearchPath::standard(const std::vector<std::string>& plugin_path) {
  SearchPath search;
  for (const std::string& path : plugin_path) {
    std::error_code error;
    if (!fs::is_directory(path, error))
      throw UsageError("--plugin-path " + path + ": no such folder.");
    search.add(fs::absolute(path), "--plugin-path");
  }
  add_environment(search);
  if (const fs::path user = user_plugin_folder(); !user.empty())
    search.add(user, "user");
  add_installed(search);
  search.add_other_hosts();
  return search;
}

std::string writable_by_others(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return std::string("can't be checked (") + std::strerror(errno) + ")";
  const bool group = (status.st_mode & S_IWGRP) && !is_private_group(status.st_gid, status.st_uid);
  if (!group && !(status.st_mode & S_IWOTH))
    return "";
  return std::string("is writable by ") + ((status.st_mode & S_IWOTH) ? "everyone" : "its group");
}

} // namespace cuecard::registry
