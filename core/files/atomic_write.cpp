#include "files/atomic_write.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

[[noreturn]] void throw_write_error(const std::filesystem::path& target, int reason = errno) {
  throw DataError(target.string() + ": could not be written: " + std::generic_category().message(reason) +
                  "; no partial file was left behind.");
}

/// A path with a trailing slash has an empty file name.
std::filesystem::path without_trailing_slash(const std::filesystem::path& target) {
  return target.has_filename() ? target : target.parent_path();
}

/// Creates a temporary file or directory with a unique hidden name next to the target, so that the rename stays
/// within one file system. `make` takes the name and returns like open(2) or mkdir(2). mkstemp(3) is not used
/// because it ignores the umask.
template <class Make>
std::filesystem::path make_temporary(const std::filesystem::path& target, Make make) {
  static std::atomic<unsigned> counter{0};
  constexpr int attempts = 1000; // killed processes may have left files with the same names
  for (int i = 0; i < attempts; ++i) {
    const std::string suffix = "." + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    const std::filesystem::path name = target.parent_path() / ("." + target.filename().string() + suffix);
    if (make(name.c_str()) >= 0)
      return name;
    if (errno != EEXIST)
      break;
  }
  throw_write_error(target);
}

std::filesystem::path make_temporary_directory(const std::filesystem::path& target) {
  return make_temporary(target, [](const char* name) { return ::mkdir(name, 0777); });
}

void sync_directory(const std::filesystem::path& directory) {
  const int file = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0)
    return;
  ::fsync(file); // Best effort: some file systems do not support it for directories.
  ::close(file);
}

} // namespace

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
  temporary_ = make_temporary(target_, [this](const char* name) {
    return file_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  });
}

AtomicFile::~AtomicFile() {
  if (file_ >= 0)
    ::close(file_);
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      throw_write_error(target_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text.data(), text.size())));
}

void AtomicFile::commit() {
  if (::fsync(file_) != 0)
    throw_write_error(target_);
  const int closed = ::close(file_);
  file_ = -1;
  if (closed != 0 || ::rename(temporary_.c_str(), target_.c_str()) != 0)
    throw_write_error(target_);
  temporary_.clear();
  sync_directory(target_.parent_path());
}

void write_file_atomically(const std::filesystem::path& target, std::string_view text) {
  AtomicFile file(target);
  file.write(text);
  file.commit();
}

void require_free_place(const std::filesystem::path& target) {
  const std::filesystem::path place = without_trailing_slash(target);
  std::error_code unreadable; // reported by what writes there
  if (std::filesystem::exists(place, unreadable) &&
      !(std::filesystem::is_directory(place, unreadable) && std::filesystem::is_empty(place, unreadable)))
    throw UsageError(target.string() + ": already exists; choose another folder.");
}

AtomicDirectory::AtomicDirectory(const std::filesystem::path& target)
    : target_(without_trailing_slash(target)) {
  temporary_ = make_temporary_directory(target_);
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!temporary_.empty())
    std::filesystem::remove_all(temporary_, ignored);
}

std::string AtomicDirectory::with_target_path(std::string text) const {
  for (std::size_t at = text.find(temporary_.string()); at != std::string::npos;
       at = text.find(temporary_.string()))
    text.replace(at, temporary_.string().size(), target_.string());
  return text;
}

void AtomicDirectory::commit() {
  sync_directory(temporary_);
  const char* from = temporary_.c_str();
  const char* to = target_.c_str();
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
    temporary_.clear();
  } else if (errno == EEXIST && ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
    // The temporary path now holds the old directory; the destructor removes it.
  } else {
    commit_in_steps();
  }
  sync_directory(target_.parent_path());
}

/// Fallback for file systems without renameat2 flags: moves the old directory aside, renames the new one into
/// place, and moves the old one back if that fails.
void AtomicDirectory::commit_in_steps() {
  if (!std::filesystem::exists(target_)) {
    if (::rename(temporary_.c_str(), target_.c_str()) != 0)
      throw_write_error(target_);
    temporary_.clear();
    return;
  }
  const std::filesystem::path old = make_temporary_directory(target_);
  if (::rename(target_.c_str(), old.c_str()) != 0) {
    const int reason = errno;
    ::rmdir(old.c_str());
    throw_write_error(target_, reason);
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int reason = errno;
    ::rename(old.c_str(), target_.c_str());
    throw_write_error(target_, reason);
  }
  temporary_ = old;
}

} // namespace cuecard
