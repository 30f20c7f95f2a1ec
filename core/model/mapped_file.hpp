/// A file's bytes, read-only in memory without reading them: pages come from the disk when they are touched and
/// are shared with every other process that maps the file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace cuecard {

/// Threads: const methods from any thread. A file that another program shortens while it is mapped kills the
/// process that touches the lost pages (mmap(2), SIGBUS), so model files are replaced, never rewritten.
class MappedFile {
public:
  /// Throws DataError when the file can't be opened, isn't a regular file or can't be mapped. An empty file
  /// has no bytes and no mapping.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  /// Gives the memory of whole pages inside `part` back: they are read anew if they are touched again. For
  /// bytes that have just been converted into something else.
  void release(std::span<const std::byte> part) const;

private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes);

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

} // namespace cuecard
