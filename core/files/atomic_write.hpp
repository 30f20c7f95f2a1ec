/// Atomic writes: files and directories are written under a temporary name and then renamed, so that a full
/// disk, a crash or Ctrl-C leaves the previous content intact.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace cuecard {

/// One file being written. The destructor removes it unless it was committed. Errors are DataError with the
/// path and the system's reason.
class AtomicFile {
public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Flushes the file to disk and renames it to the target, replacing an existing file.
  void commit();

private:
  std::filesystem::path target_, temporary_;
  int file_ = -1;
};

void write_file_atomically(const std::filesystem::path& target, std::string_view text);

/// For an output folder that replaces nothing: UsageError unless nothing is at `target`, or an empty directory.
void require_free_place(const std::filesystem::path& target);

/// One directory being written: fill `path()`, then `commit()`.
class AtomicDirectory {
public:
  explicit AtomicDirectory(const std::filesystem::path& target);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const std::filesystem::path& path() const { return temporary_; }
  /// Replaces the temporary path in an error message with the target path.
  std::string with_target_path(std::string text) const;
  /// Renames the directory to the target. An existing target is exchanged atomically where the file system
  /// supports that (renameat2(2)), else moved aside first; either way it is then removed.
  void commit();

private:
  void commit_in_steps();

  std::filesystem::path target_, temporary_;
};

} // namespace cuecard
