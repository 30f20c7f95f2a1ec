#include "shipping/archive/archive.hpp"

#include <array>
#include <fstream>
#include <functional>
#include <memory>
#include <vector>

#include <archive.h>
#include <archive_entry.h>

#include <cuecard/error.hpp>

#include "sdk/manifest/read_manifest.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t largest_contents = 64 << 10;
/// gzip packs a library to a third of its size or so, and a text to no less than a tenth. The first bytes are free, since the reader asks
/// for whole blocks.
constexpr uint64_t largest_ratio = 100, free_bytes = 1 << 20;

/// Reads the members of one archive in order.
class Reader {
public:
  explicit Reader(const fs::path& file) : name_(file.string()) {
    std::error_code error;
    if (!fs::exists(file, error))
      throw DataError(name_ + ": there is no such file.");
    if (!fs::is_regular_file(file, error))
      refuse("is not a regular file");
    if (const uint64_t size = fs::file_size(file, error); error || size > max_library_size)
      refuse("has " + std::to_string(size) + " bytes; the limit is " + std::to_string(max_library_size));
    archive_read_support_filter_gzip(archive_.get());
    archive_read_support_format_tar(archive_.get());
    constexpr std::size_t block = 64 << 10;
    check(archive_read_open_filename(archive_.get(), file.c_str(), block));
  }

  /// Steps to the next member and returns its name, "" at the end. A name with a folder in it, or a member that is no plain file, is refused.
  std::string next() {
    const int result = archive_read_next_header(archive_.get(), &entry_);
    if (result == ARCHIVE_EOF)
      return "";
    check(result);
    const char* const text = archive_entry_pathname(entry_);
    const std::string member = text ? text : "";
    if (member.empty())
      refuse("has a member without a name");
    if (member.find('/') != std::string::npos || member == "." || member == "..")
      refuse("has the member \"" + member.substr(0, 80) + "\", which would lie in another folder");
    if (archive_entry_hardlink(entry_) || archive_entry_symlink(entry_))
      refuse("has the member " + member.substr(0, 80) + ", which is a link");
    if (archive_entry_filetype(entry_) != AE_IFREG || archive_entry_sparse_count(entry_) > 0)
      refuse("has the member " + member.substr(0, 80) + ", which is not a regular file");
    return member;
  }

  /// The bytes of the current member, at most `limit`, block by block: what its header claims is compared and never allocated.
  void read(const std::string& member, uint64_t limit,
            const std::function<void(const char*, std::size_t)>& take) {
    const auto too_large = [&](const std::string& found) {
      refuse("has " + found + " bytes in " + member + "; expected at most " + std::to_string(limit));
    };
    if (archive_entry_size_is_set(entry_) &&
        (archive_entry_size(entry_) < 0 || static_cast<uint64_t>(archive_entry_size(entry_)) > limit))
      too_large(std::to_string(archive_entry_size(entry_)));
    std::array<char, 64 << 10> block;
    for (uint64_t size = 0;;) {
      const la_ssize_t got = archive_read_data(archive_.get(), block.data(), block.size());
      if (got < 0)
        check(static_cast<int>(got));
      if (got == 0)
        return;
      size += static_cast<uint64_t>(got);
      unpacked_ += static_cast<uint64_t>(got);
      if (size > limit)
        too_large("more than " + std::to_string(limit));
      const auto packed = static_cast<uint64_t>(archive_filter_bytes(archive_.get(), -1));
      if (unpacked_ > largest_ratio * packed + free_bytes)
        refuse("unpacks to more than " + std::to_string(largest_ratio) + " times its size, as no plugin does");
      take(block.data(), static_cast<std::size_t>(got));
    }
  }

  std::vector<unsigned char> text(const std::string& member) {
    std::vector<unsigned char> bytes;
    read(member, largest_contents,
         [&](const char* block, std::size_t size) { bytes.insert(bytes.end(), block, block + size); });
    return bytes;
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError(name_ + ": " + what +
                    ". It is not an archive that `cuecard plugin pack` made; nothing was installed.");
  }
  const std::string& name() const { return name_; }

private:
  void check(int result) const {
    if (result == ARCHIVE_OK)
      return;
    const char* const reason = archive_error_string(archive_.get());
    refuse("can't be unpacked (" + std::string(reason ? reason : "unknown error") + ")");
  }

  std::string name_;
  std::unique_ptr<struct archive, decltype(&archive_read_free)> archive_{archive_read_new(), archive_read_free};
  archive_entry* entry_ = nullptr;
  uint64_t unpacked_ = 0;
};

void write_bytes(const fs::path& file, const std::vector<unsigned char>& bytes) {
  std::ofstream stream(file, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream)
    throw DataError(file.string() + ": can't be written.");
}

/// The bytes of CONTENTS, with which an archive begins.
std::vector<unsigned char> first_member(Reader& reader) {
  if (const std::string first = reader.next(); first != registry::contents_name)
    reader.refuse(first.empty()
                      ? "holds nothing"
                      : "begins with " + first.substr(0, 80) + " instead of " + registry::contents_name);
  return reader.text(registry::contents_name);
}

void unpack_member(Reader& reader, const registry::PackedFile& listed, const fs::path& file) {
  std::ofstream stream(file, std::ios::binary);
  uint64_t size = 0;
  reader.read(listed.name, listed.size, [&](const char* block, std::size_t got) {
    stream.write(block, static_cast<std::streamsize>(got));
    size += got;
  });
  stream.close();
  if (!stream)
    throw DataError(file.string() + ": can't be written.");
  if (size != listed.size)
    reader.refuse("has " + std::to_string(size) + " bytes in " + listed.name + "; " + registry::contents_name +
                  " lists " + std::to_string(listed.size));
}

} // namespace

registry::Contents listed_contents(const fs::path& archive) {
  Reader reader(archive);
  return registry::read_contents(first_member(reader), archive.string() + ": " + registry::contents_name);
}

void unpack_archive(const fs::path& archive, const fs::path& folder) {
  Reader reader(archive);
  const std::vector<unsigned char> contents_bytes = first_member(reader);
  const registry::Contents contents =
      registry::read_contents(contents_bytes, archive.string() + ": " + registry::contents_name);
  write_bytes(folder / registry::contents_name, contents_bytes);
  std::string member = reader.next();
  if (member == registry::signature_name) {
    write_bytes(folder / registry::signature_name, reader.text(member));
    member = reader.next();
  }
  for (const registry::PackedFile& listed : contents.files) {
    if (member != listed.name)
      reader.refuse(member.empty() ? "ends before " + listed.name
                                   : "has " + member.substr(0, 80) + " where " + listed.name + " is expected");
    unpack_member(reader, listed, folder / listed.name);
    member = reader.next();
  }
  if (!member.empty())
    reader.refuse("has " + member.substr(0, 80) + ", which " + registry::contents_name + " doesn't list");
}

} // namespace cuecard::shipping
