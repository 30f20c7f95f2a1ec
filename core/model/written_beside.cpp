#include "model/written_beside.hpp"

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

[[noreturn]] void refuse(const std::filesystem::path& target, int reason = errno) {
  throw DataError(target.string() + ": could not be written: " + std::generic_category().message(reason) +
                  "; nothing was left half-written.");
}

/// A trailing slash would make an empty file name; it is dropped.
std::filesystem::path without_slash(std::filesystem::path target) {
  return target.has_filename() ? target : target.parent_path();
}

/// Makes something new in the same directory (so that a rename never copies) under a hidden name that nobody
/// else has. `make` gets the name and answers like open(2) or mkdir(2); mkstemp(3) wouldn't heed the user's
/// umask.
template <class Make>
std::filesystem::path make_beside(const std::filesystem::path& target, Make make) {
  static std::atomic<unsigned> counter{0};
  constexpr int attempts = 1000; // left-overs of killed processes may stand in the way
  for (int i = 0; i < attempts; ++i) {
    const std::string own = "." + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    const std::filesystem::path name = target.parent_path() / ("." + target.filename().string() + own);
    if (make(name.c_str()) >= 0)
      return name;
    if (errno != EEXIST)
      break;
  }
  refuse(target);
}

std::filesystem::path make_directory_beside(const std::filesystem::path& target) {
  return make_beside(target, [](const char* name) { return ::mkdir(name, 0777); });
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
  beside_ = make_beside(target_, [this](const char* name) {
    return file_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  });
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
  beside_ = make_directory_beside(target_);
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
    commit_in_steps();
  }
  sync_directory(target_.parent_path());
}

/// For file systems without these two renames: the old one moves away, the new one in, the old one back on
/// failure.
void DirectoryBeside::commit_in_steps() {
  if (!std::filesystem::exists(target_)) {
    if (::rename(beside_.c_str(), target_.c_str()) != 0)
      refuse(target_);
    beside_.clear();
    return;
  }
  const std::filesystem::path away = make_directory_beside(target_);
  if (::rename(target_.c_str(), away.c_str()) != 0) {
    const int reason = errno;
    ::rmdir(away.c_str());
    refuse(target_, reason);
  }
  if (::rename(beside_.c_str(), target_.c_str()) != 0) {
    const int reason = errno;
    ::rename(away.c_str(), target_.c_str());
    refuse(target_, reason);
  }
  beside_ = away;
}

} // namespace cuecard
