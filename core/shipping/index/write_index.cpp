#include "shipping/index/plugin_index.hpp"

#include <algorithm>
#include <chrono>
#include <map>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "files/run_lock.hpp"
#include "files/sha256.hpp"
#include "files/temporary_folder.hpp"
#include "sdk/manifest/file_bytes.hpp"
#include "shipping/archive/archive.hpp"
#include "shipping/archive/plugin_folder.hpp"
#include "shipping/index/signed_index.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::ordered_json;

std::vector<fs::path> archives_in(const fs::path& folder) {
  std::vector<fs::path> archives;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().filename().string().ends_with(".tar.gz"))
      archives.push_back(at->path());
  if (error)
    throw DataError(folder.string() + ": can't be read (" + error.message() + ").");
  std::ranges::sort(archives);
  return archives;
}

/// Of an archive that is unpacked and checked.
Json entry_json(const fs::path& archive) {
  if (!is_archive_name(archive.filename().string()))
    throw DataError(archive.string() + ": can't be in an index under this name; rename it to letters, digits, "
                                       "\".\", \"_\", \"+\" and \"-\", such as my-tuner-1.0.0.tar.gz.");
  const TemporaryFolder folder("plugin");
  unpack_archive(archive, folder.path());
  const PluginFolder plugin = read_plugin_folder(folder.path(), archive.string());
  const auto& signature = plugin.contents.signature;
  const fs::path sidecar = folder.path() / (plugin.manifest.id + ".json");
  const auto bytes = file_bytes(sidecar, registry::largest_packed(sidecar.filename().string()));
  return {{"archive", archive.filename().string()},
          {"size", fs::file_size(archive)},
          {"sha256", sha256_of_file(archive)},
          {"signature",
           signature ? Json{{"key", signature->key}, {"signature", signature->signature}} : Json(nullptr)},
          {"manifest", Json::parse(bytes.begin(), bytes.end())}};
}

/// What must not change once it is published: id, version, and everything that decides whether it fits a host.
std::string build_of(const IndexEntry& entry) {
  const Manifest& manifest = entry.manifest;
  std::string flags;
  for (const std::string& flag : abi_flag_names(manifest.abi_flags & ~uint32_t{CUECARD_NDEBUG}))
    flags += " " + flag;
  return manifest.id + " " + manifest.version + " (" + entry.build() + ", " + stdlib_name(manifest.stdlib) +
         flags + ")";
}

void compare_with_last(const PluginIndex& last, const PluginIndex& now, const std::string& file) {
  std::map<std::string, const IndexEntry*> builds;
  for (const IndexEntry& entry : now.entries)
    if (const auto [known, added] = builds.emplace(build_of(entry), &entry); !added)
      throw DataError(entry.archive + " and " + known->second->archive + " are both " + known->first +
                      "; remove one of them, or give it another version.");
  for (const IndexEntry& entry : last.entries) {
    const auto found = builds.find(build_of(entry));
    if (found != builds.end() && found->second->sha256 != entry.sha256)
      throw DataError(
          found->second->archive + ": was replaced: " + file + " lists " + found->first +
          " with a SHA-256 that starts with " + entry.sha256.substr(0, 12) + ", now it is " +
          found->second->sha256.substr(0, 12) +
          ". Who has installed it must get the same bytes again: give the new archive a new version.");
  }
}

/// That of the last index if it lists the same; else now, and later than the last whatever the clock says.
uint64_t time_of(const Json& plugins, const PluginIndex& last) {
  const auto same = [](const Json& plugin, const IndexEntry& entry) {
    return plugin["archive"] == entry.archive && plugin["sha256"] == entry.sha256;
  };
  if (last.made > 0 && std::ranges::equal(plugins, last.entries, same))
    return last.made;
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::max(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since_1970).count()),
                  last.made + 1);
}

/// The one that is replaced, which says what was published.
PluginIndex last_index(const fs::path& file) {
  try {
    return read_index(file_bytes(file, largest_index), file.string());
  } catch (const DataError& damaged) {
    throw DataError(
        std::string(damaged.what()) +
        " It is damaged itself, so nobody can tell whether an archive was replaced since: remove it first.");
  }
}

} // namespace

IndexedFolder write_index(const fs::path& folder, const std::optional<SigningKey>& key) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw DataError(folder.string() + ": there is no such folder.");
  const fs::path file = folder / index_name, signature_file = folder / index_signature_name;
  const RunLock lock(lock_file_beside(file), file, "index");
  if (!key && fs::exists(signature_file, error))
    throw UsageError(signature_file.string() +
                     ": the index is signed; sign it again with --key. To publish it without a signature, "
                     "remove this file; who has seen the signature will refuse the index then.");
  PluginIndex last;
  if (fs::exists(file, error))
    last = last_index(file);

  Json document{{"format", "cuecard-plugin-index/1"}, {"plugins", Json::array()}};
  for (const fs::path& archive : archives_in(folder))
    document["plugins"].push_back(entry_json(archive));
  if (key)
    document["made"] = time_of(document["plugins"], last);
  const std::string text = document.dump(1) + "\n";
  const std::span bytes(reinterpret_cast<const unsigned char*>(text.data()), text.size());
  const PluginIndex now = read_index(bytes, file.string());
  compare_with_last(last, now, file.string());
  write_file_atomically(file, text);
  if (key) // after the index: between the two, nobody takes one for the other
    write_file_atomically(signature_file, signature_text(key->sign(bytes)));

  IndexedFolder done{now.entries.size(), 0, 0};
  const auto holds = [](const PluginIndex& index, const IndexEntry& entry) {
    return std::ranges::any_of(index.entries,
                               [&](const IndexEntry& each) { return each.sha256 == entry.sha256; });
  };
  for (const IndexEntry& entry : now.entries)
    done.added += !holds(last, entry);
  for (const IndexEntry& entry : last.entries)
    done.removed += !holds(now, entry);
  return done;
}

} // namespace cuecard::shipping
