#include "shipping/archive/plugin_folder.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "sdk/manifest/file_bytes.hpp"
#include "sdk/manifest/read_manifest.hpp"
#include "sdk/manifest/sidecar.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

using Bytes = std::vector<unsigned char>;

void refuse_additions(const fs::path& folder, const registry::Contents& contents, const std::string& shown) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const auto listed = [&](const registry::PackedFile& file) { return file.name == name; };
    if (name != registry::contents_name && name != registry::signature_name &&
        std::ranges::none_of(contents.files, listed))
      throw DataError(shown + ": " + name + " is not a file of this plugin; remove it.");
  }
}

} // namespace

PluginFolder read_plugin_folder(const fs::path& folder, const std::string& shown) {
  PluginFolder result{registry::read_signed_contents(folder, shown), {}};
  const registry::Contents& contents = result.contents.contents;
  refuse_additions(folder, contents, shown);
  Bytes sidecar, library;
  for (const registry::PackedFile& listed : contents.files) {
    Bytes bytes = registry::read_listed(folder, listed, shown);
    if (listed.name.ends_with(".json"))
      sidecar = std::move(bytes);
    else if (listed.name.ends_with(".so"))
      library = std::move(bytes);
  }
  const std::string name = contents.library().name;
  result.manifest = read_sidecar(sidecar, shown + ": " + contents.id + ".json");
  const Manifest read = read_library(fs::path(shown) / name, std::move(library), contents.library().sha256);
  const std::string drift =
      result.manifest.readable() ? difference(read, "in the library", result.manifest, "in its sidecar") : "";
  if (!drift.empty() || read.readable() != result.manifest.readable() ||
      read.sha256 != result.manifest.sha256 || read.abi_major != result.manifest.abi_major ||
      read.abi_minor != result.manifest.abi_minor)
    throw DataError(shown + ": the sidecar does not belong to the library" +
                    (drift.empty() ? "" : ": " + drift) +
                    ". Pack the plugin again with `cuecard plugin pack`.");
  if (result.manifest.id != contents.id || result.manifest.version != contents.version ||
      result.manifest.file != name)
    throw DataError(shown + ": " + registry::contents_name + " is of " + contents.id + " " + contents.version +
                    ", the library of " + result.manifest.id + " " + result.manifest.version +
                    ". Pack the plugin again with `cuecard plugin pack`.");
  return result;
}

} // namespace cuecard::shipping
