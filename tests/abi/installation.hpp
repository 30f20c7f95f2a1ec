/// A folder with some of the libraries in it, each with the sidecar that a build, or a liar, would put beside
/// it.
#pragma once

#include <filesystem>
#include <string>

#include "registry/registry.hpp"
#include "registry/test_folder.hpp"
#include "tool/file_bytes.hpp"
#include "tool/read_manifest.hpp"
#include "tool/sidecar.hpp"

namespace abi {

inline std::filesystem::path library(const std::string& id) {
  return std::filesystem::path(ABI_LIBRARIES) / (id + ".so");
}

/// The sidecar that makes a broken library look sound: all that it claims is the good one's, with this file's
/// identity.
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
