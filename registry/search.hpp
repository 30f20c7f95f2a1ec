/// The plugin search path.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cuecard::registry {

/// One folder of the search path.
struct Folder {
  std::filesystem::path path; ///< absolute, without symbolic links
  std::string origin;         ///< "--plugin-path", "CUECARD_PLUGIN_PATH", "user", "installed", "build tree"
  bool other_host = false;    ///< named for another plugin ABI or LibTorch; nothing in it is used
};

/// Existing folders in search order, without duplicates. Never includes the working directory.
struct SearchPath {
  std::vector<Folder> folders;
  std::vector<std::string> warnings;

  /// `--plugin-path` > CUECARD_PLUGIN_PATH > $XDG_DATA_HOME/cuecard/plugins (~/.local/share/...) >
  /// <prefix>/lib/cuecard/plugins of the running program or of the library that contains this code > `plugins`
  /// of a build tree. In each, the subfolder `abi_folder()` comes first; those for other ABIs and LibTorches come
  /// after everything else. Throws UsageError for a `--plugin-path` that is not a folder.
  static SearchPath standard(const std::vector<std::string>& plugin_path);

  /// Adds the ABI folder of `path` and `path` itself, if they exist and are new.
  void add(const std::filesystem::path& path, const std::string& origin);

  /// Adds the subfolders for other ABIs and LibTorches of the folders so far, so that a plugin that is there alone is refused with
  /// the reason instead of being unknown.
  void add_other_hosts();
};

/// Folder name for plugins built for this host's ABI and LibTorch, such as "abi3-torch2.15".
std::string abi_folder();

/// The folder that the program was installed in, the parent of its `bin`; empty if unknown.
std::filesystem::path program_prefix();

/// The user's plugin folder, $XDG_DATA_HOME/cuecard/plugins (~/.local/share/...); empty without a home.
std::filesystem::path user_plugin_folder();

/// Whether others than the owner may write to the file or folder, as the end of a sentence, or "". A group with
/// the owner's name and no further members counts as the owner (Debian's private groups).
std::string writable_by_others(const std::filesystem::path& path);

} // namespace cuecard::registry
