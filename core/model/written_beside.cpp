#include "model/written_beside.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

[[noreturn]] void refuse(const std::filesystem::path& target, int reason = errno) {
  throw DataError(target.string() + ": could not be written: " + std::generic_category().message(reason) +
                  "; nothing was left half-written.");
}

/// A name in the same directory (so that a rename never copies), hidden, with room for mkstemp(3)'s letters.
/// A trailing slash would make an empty file name; it is dropped.
std::filesystem::path without_slash(std::filesystem::path target) {
  return target.has_filename() ? target : target.parent_path();
}

std::string name_beside(const std::filesystem::path& target) {
  return (target.parent_path() / ("." + target.filename().string() + ".XXXXXX")).string();
}

/// mkstemp and mkdtemp give the owner alone access; what is put in place gets what the user's umask says.
mode_t usual_mode(mode_t mode) {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mode & ~mask;
}

void sync_directory(const std::filesystem::path& directory) {
  const int file = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0)
    return;
  ::fsync(file); // Some file systems refuse it for directories; the rename has happened either way.
  ::close(file);
}

} // namespace

FileBeside::FileBeside(std::filesystem::path target) : target_(std::move(target)) {
  std::string name = name_beside(target_);
  file_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (file_ < 0)
    refuse(target_);
  beside_ = name;
  ::fchmod(file_, usual_mode(0666));
}

FileBeside::~FileBeside() {
  if (file_ >= 0)
    ::close(file_);
  if (!beside_.empty())
    ::unlink(beside_.c_str());
}

void FileBeside::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      refuse(target_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void FileBeside::write(std::string_view text) {
  write(std::as_bytes(std::span(text.data(), text.size())));
}

void FileBeside::commit() {
  if (::fsync(file_) != 0)
    refuse(target_);
  const int closed = ::close(file_);
  file_ = -1;
  if (closed != 0 || ::rename(beside_.c_str(), target_.c_str()) != 0)
    refuse(target_);
  beside_.clear();
  sync_directory(target_.parent_path());
}

void write_file_beside(const std::filesystem::path& target, std::string_view text) {
  FileBeside file(target);
  file.write(text);
  file.commit();
}

DirectoryBeside::DirectoryBeside(std::filesystem::path target) : target_(without_slash(std::move(target))) {
  std::string name = name_beside(target_);
  if (!::mkdtemp(name.data()))
    refuse(target_);
  beside_ = name;
  ::chmod(name.c_str(), usual_mode(0777));
}

DirectoryBeside::~DirectoryBeside() {
  std::error_code ignored;
  if (!beside_.empty())
    std::filesystem::remove_all(beside_, ignored);
}

std::string DirectoryBeside::in_place(std::string text) const {
  for (std::size_t at = text.find(beside_.string()); at != std::string::npos; at = text.find(beside_.string()))
    text.replace(at, beside_.string().size(), target_.string());
  return text;
}

void DirectoryBeside::commit() {
  sync_directory(beside_);
  const char* from = beside_.c_str();
  const char* to = target_.c_str();
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
    beside_.clear();
  } else if (errno == EEXIST && ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
    // What was in place now stands beside; the destructor removes it.
  } else {
    // File systems without these two renames: the old one moves away, the new one in, the old one back on
    // failure.
    std::string away = name_beside(target_);
    if (!std::filesystem::exists(target_)) {
      if (::rename(from, to) != 0)
        refuse(target_);
      beside_.clear();
    } else {
      if (!::mkdtemp(away.data()) || ::rename(to, away.c_str()) != 0) {
        const int reason = errno;
        ::rmdir(away.c_str());
        refuse(target_, reason);
      }
      if (::rename(from, to) != 0) {
        const int reason = errno;
        ::rename(away.c_str(), to);
        refuse(target_, reason);
      }
      beside_ = away;
    }
  }
  sync_directory(target_.parent_path());
}

} // namespace cuecard
