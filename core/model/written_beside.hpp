/// Files and directories that are written beside their place and then renamed into it, so that a full disk, a
/// crash or Ctrl-C leaves what was there before.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace cuecard {

/// One file on its way into place. What is not committed is removed. Errors are DataError with the path and
/// the system's reason.
class FileBeside {
public:
  explicit FileBeside(std::filesystem::path target);
  ~FileBeside();
  FileBeside(const FileBeside&) = delete;
  FileBeside& operator=(const FileBeside&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// To the disk, then into place, replacing what has that name.
  void commit();

private:
  std::filesystem::path target_, beside_;
  int file_ = -1;
};

void write_file_beside(const std::filesystem::path& target, std::string_view text);

/// One directory on its way into place: fill `path()`, then `commit()`.
class DirectoryBeside {
public:
  explicit DirectoryBeside(std::filesystem::path target);
  ~DirectoryBeside();
  DirectoryBeside(const DirectoryBeside&) = delete;
  DirectoryBeside& operator=(const DirectoryBeside&) = delete;

  const std::filesystem::path& path() const { return beside_; }
  /// An error's text as a person should read it: with the directory's own name, not the one it has meanwhile.
  std::string in_place(std::string text) const;
  /// Into place; a directory of that name is exchanged with the new one in one step where the file system can
  /// do that (renameat2(2)), else renamed away first, and then removed.
  void commit();

private:
  void commit_in_steps();

  std::filesystem::path target_, beside_;
};

} // namespace cuecard
