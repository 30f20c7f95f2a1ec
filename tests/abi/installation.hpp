/// A temporary plugin folder with some of the test libraries and their sidecars, truthful or not.
#pragma once

#include <filesystem>
#include <string>

#include "manifest/file_bytes.hpp"
#include "manifest/read_manifest.hpp"
#include "manifest/sidecar.hpp"
#include "registry/registry.hpp"
#include "registry/test_folder.hpp"

namespace abi {

inline std::filesystem::path library(const std::string& id) {
  return std::filesystem::path(ABI_LIBRARIES) / (id + ".so");
}

/// A sidecar that makes a broken library look valid: contents of the valid plugin with this file's identity.
inline cuecard::Manifest plausible(const std::filesystem::path& file) {
  const auto bytes = cuecard::file_bytes(file, uint64_t{1} << 30);
  cuecard::Manifest manifest = cuecard::read_library(library("good"));
  manifest.id = file.stem().string();
  manifest.file = file.filename().string();
  manifest.size = bytes.size();
  manifest.sha256 = cuecard::sha256(bytes);
  return manifest;
}

class Installation {
public:
  Installation() = default;
  explicit Installation(const std::string& id) { add(id, plausible(library(id))); }

  void add(const std::string& id, const cuecard::Manifest& sidecar) {
    std::filesystem::copy_file(library(id), file(id));
    trust(id);
    write_sidecar(id, cuecard::sidecar_text(sidecar));
  }
  void add_bytes(const std::string& id, const std::string& bytes) {
    folder_.write(file(id), bytes);
    write_sidecar(id, cuecard::sidecar_text(plausible(file(id))));
  }
  void write_sidecar(const std::string& id, const std::string& text) {
    folder_.write(folder_ / (id + ".json"), text);
  }

  std::filesystem::path file(const std::string& id) const { return folder_ / (id + ".so"); }
  const std::filesystem::path& folder() const { return folder_.path(); }

  cuecard::registry::Registry scan() const {
    cuecard::registry::SearchPath search;
    search.add(folder_.path(), "test");
    return cuecard::registry::Registry::scan(search);
  }

private:
  void trust(const std::string& id) const {
    using std::filesystem::perms;
    std::filesystem::permissions(file(id), perms::group_write | perms::others_write,
                                 std::filesystem::perm_options::remove);
  }

  cuecard::registry::TestFolder folder_;
};

} // namespace abi
