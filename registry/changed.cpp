#include "changed.hpp"

#include <algorithm>
#include <compare>
#include <optional>

#include <sys/stat.h>

#include <cuecard/error.hpp>

#include "library.hpp"
#include "trust/contents.hpp"

namespace cuecard::registry {

namespace fs = std::filesystem;

namespace {

struct FileState {
  uint64_t size = 0;
  std::pair<int64_t, int64_t> written,
      replaced; ///< seconds and nanoseconds: of the bytes, and of the file under this name
};

std::optional<FileState> state_of(const fs::path& file) {
  struct stat found = {};
  if (::stat(file.c_str(), &found) != 0)
    return std::nullopt;
  return FileState{static_cast<uint64_t>(found.st_size),
                   {found.st_mtim.tv_sec, found.st_mtim.tv_nsec},
                   {found.st_ctim.tv_sec, found.st_ctim.tv_nsec}};
}

/// Whether `file` may differ from the file whose size and hash are in the file `record`.
bool may_differ(const fs::path& file, uint64_t size, const fs::path& record) {
  const std::optional<FileState> now = state_of(file), then = state_of(record);
  return !now || !then || now->size != size || now->written > then->written || now->replaced > then->replaced;
}

/// Why a file is not the one that CONTENTS lists; "" if none was changed, or if the plugin did not come in an archive.
std::string changed_since_packed(const fs::path& folder) {
  const fs::path record = folder / contents_name;
  if (!state_of(record))
    return "";
  try {
    for (const PackedFile& listed : read_signed_contents(folder, folder.string()).contents.files)
      if (may_differ(folder / listed.name, listed.size, record))
        read_listed(folder, listed, folder.string());
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

} // namespace

Plugin rejected_if_changed(const Plugin& plugin) {
  Plugin result = plugin;
  if (!plugin.usable())
    return result;
  result.refusal = changed_since_packed(plugin.library.parent_path());
  return result.refusal.empty() && may_differ(plugin.library, plugin.manifest.size, plugin.sidecar)
             ? verified(plugin)
             : result;
}

} // namespace cuecard::registry
