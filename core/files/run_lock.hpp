/// A lock that keeps two processes from writing to the same place.
#pragma once

#include <filesystem>
#include <string>

namespace cuecard {

/// A file that is locked with flock(2), so that the system frees it when the process ends, however it ends. It says
/// which process holds it. Removed with this object.
class RunLock {
public:
  /// `place` is what the lock is for, and `what` what that is called: "card", "checkpoint". DataError that names the
  /// process if another one holds the lock.
  RunLock(std::filesystem::path file, const std::filesystem::path& place, const std::string& what);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  /// One sentence if there is something to check: a process of another computer left its lock and may still run there, or
  /// the file system has no locks. Else empty, also if a process of this computer left its lock.
  const std::string& remark() const { return remark_; }

private:
  std::filesystem::path path_;
  std::string remark_;
  int file_ = -1;
};

/// The lock file of a place that is written by renaming: `.NAME.lock` beside it.
std::filesystem::path lock_file_beside(const std::filesystem::path& place);

} // namespace cuecard
