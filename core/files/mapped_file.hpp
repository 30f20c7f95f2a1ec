/// A read-only memory-mapped file: pages are loaded on first access and shared with other processes that map
/// the same file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace cuecard {

/// Threads: const methods from any thread. If another program truncates the file while it is mapped, accessing
/// the lost pages kills the process (mmap(2), SIGBUS), so model files are replaced, never rewritten in place.
class MappedFile {
public:
  /// Throws DataError when the file can't be opened, isn't a regular file or can't be mapped. An empty file
  /// has no mapping.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  /// Releases the memory of the whole pages inside `part`; they are loaded again on the next access. For bytes
  /// that have just been converted or copied.
  void release(std::span<const std::byte> part) const;

private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes);

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

} // namespace cuecard
