#include "shipping/archive/archive.hpp"

#include <exception>
#include <memory>
#include <vector>

#include <archive.h>
#include <archive_entry.h>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "sdk/manifest/file_bytes.hpp"
#include "sdk/manifest/read_manifest.hpp"
#include "sdk/manifest/sidecar.hpp"
#include "shipping/archive/signing_key.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

using Bytes = std::vector<unsigned char>;

Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

/// A gzipped tar file without anything that differs between two runs: no times, owners or names of the file itself.
class Writer {
public:
  explicit Writer(const fs::path& target) : file_(target), name_(target.string()) {
    check(archive_write_set_format_ustar(archive_.get()));
    check(archive_write_add_filter_gzip(archive_.get()));
    check(archive_write_set_options(archive_.get(), "gzip:compression-level=9,gzip:!timestamp"));
    check(archive_write_set_bytes_in_last_block(archive_.get(), 1)); // no padding after the gzip stream
    check(archive_write_open2(archive_.get(), this, nullptr, &write, nullptr, nullptr));
  }

  void add(const std::string& member, const Bytes& bytes) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_pathname(entry.get(), member.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_mtime(entry.get(), 0, 0);
    check(archive_write_header(archive_.get(), entry.get()));
    const la_ssize_t written = archive_write_data(archive_.get(), bytes.data(), bytes.size());
    check(written < 0 ? static_cast<int>(written) : ARCHIVE_OK);
  }

  void commit() {
    check(archive_write_close(archive_.get()));
    file_.commit();
  }

private:
  static la_ssize_t write(struct archive*, void* self, const void* bytes, std::size_t size) {
    auto& writer = *static_cast<Writer*>(self);
    try {
      writer.file_.write(std::string_view(static_cast<const char*>(bytes), size));
      return static_cast<la_ssize_t>(size);
    } catch (...) {
      writer.failure_ = std::current_exception();
      return -1;
    }
  }

  void check(int result) {
    if (failure_)
      std::rethrow_exception(failure_);
    if (result == ARCHIVE_OK)
      return;
    const char* const reason = archive_error_string(archive_.get());
    throw DataError(name_ + ": can't be packed (" + (reason ? reason : "unknown error") + ").");
  }

  AtomicFile file_;
  std::string name_;
  std::exception_ptr failure_;
  std::unique_ptr<struct archive, decltype(&archive_write_free)> archive_{archive_write_new(),
                                                                          archive_write_free};
};

} // namespace

registry::SignedContents pack_archive(const PackSources& sources, const fs::path& archive) {
  const fs::path sidecar_file = fs::path(sources.library).replace_extension(".json");
  const Bytes library = file_bytes(sources.library, max_library_size);
  const Manifest manifest = read_library(sources.library, library, sha256(library));
  if (!manifest.readable())
    throw DataError(sources.library.string() + ": was built for plugin ABI " +
                    std::to_string(manifest.abi_major) + "." + std::to_string(manifest.abi_minor) +
                    "; pack it with the Cuecard that it was built with.");
  const Bytes sidecar = file_bytes(sidecar_file, registry::largest_packed(sidecar_file.filename().string()));
  if (const std::string drift = difference(manifest, "in the library",
                                           read_sidecar(sidecar, sidecar_file.string()), "in its sidecar");
      !drift.empty())
    throw DataError(sources.library.string() + ": " + drift +
                    ". Regenerate the sidecar with `cuecard-manifest`.");
  if (sources.library.filename() != manifest.id + ".so")
    throw DataError(sources.library.string() + ": has the id \"" + manifest.id + "\"; its file must be named " +
                    manifest.id + ".so.");

  registry::SignedContents result{{manifest.id, manifest.version, {}}, std::nullopt};
  const std::vector<std::string> names = registry::packed_names(manifest.id);
  const std::vector<Bytes> members{file_bytes(sources.license, registry::largest_packed(names[0])),
                                   file_bytes(sources.readme, registry::largest_packed(names[1])), sidecar,
                                   library};
  for (std::size_t i = 0; i < names.size(); ++i)
    result.contents.files.push_back({names[i], members[i].size(), sha256(members[i])});
  const Bytes contents = bytes_of(contents_text(result.contents));
  registry::read_contents(contents, sources.library.string()); // refuses what an installation would refuse
  if (sources.key)
    result.signature = SigningKey::read(*sources.key).sign(contents);

  Writer writer(archive);
  writer.add(registry::contents_name, contents);
  if (result.signature)
    writer.add(registry::signature_name, bytes_of(signature_text(*result.signature)));
  for (std::size_t i = 0; i < names.size(); ++i)
    writer.add(names[i], members[i]);
  writer.commit();
  return result;
}

} // namespace cuecard::shipping
