/// Where plugins are looked for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cuecard::registry {

/// One folder of the search path.
struct Folder {
  std::filesystem::path path; ///< absolute, without symbolic links
  std::string origin;         ///< "--plugin-path", "CUECARD_PLUGIN_PATH", "user", "installed", "build tree"
};

/// Folders that exist, in the order in which they are searched; each once. Never the working directory.
struct SearchPath {
  std::vector<Folder> folders;
  std::vector<std::string> warnings;

  /// `--plugin-path` > CUECARD_PLUGIN_PATH > $XDG_DATA_HOME/cuecard/plugins (~/.local/share/...) >
  /// <prefix>/lib/cuecard/plugins of the running program or of the library that this code is in > `plugins` of
  /// a build tree. Below each, first, the folder of `abi_folder()`. Throws UsageError for a `--plugin-path`
  /// that is no folder.
  static SearchPath standard(const std::vector<std::string>& plugin_path);

  /// Adds `path` and its ABI folder when they exist and are new.
  void add(const std::filesystem::path& path, const std::string& origin);
};

/// "abi2-torch2.15": the folder for plugins built for this host's ABI and LibTorch.
std::string abi_folder();

/// Why the file or folder is not to be trusted, as the end of a sentence, or "": others than its owner may
/// write to it. A group that bears the owner's name and has no further members is the owner (Debian's private
/// groups).
std::string writable_by_others(const std::filesystem::path& path);

} // namespace cuecard::registry
