#include "files/run_lock.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// The holder of a lock, as written in its file.
struct Holder {
  int64_t process = 0; ///< 0: unknown
  std::string host, since;

  std::string described() const {
    if (process == 0)
      return "another process";
    return "process " + std::to_string(process) + " on " + host + " (since " + since + ")";
  }
};

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

Holder read_holder(int file) {
  char bytes[1024];
  const ssize_t count = ::pread(file, bytes, sizeof bytes, 0);
  const auto json = nlohmann::json::parse(bytes, bytes + std::max<ssize_t>(count, 0), nullptr, false);
  Holder holder;
  if (!json.is_object())
    return holder;
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "unknown";
  };
  if (const auto process = json.find("process"); process != json.end() && process->is_number_integer())
    holder = {process->get<int64_t>(), text("host"), text("since")};
  return holder;
}

bool lives(int64_t process) {
  return ::kill(static_cast<pid_t>(process), 0) == 0 || errno == EPERM;
}

void write_holder(int file) {
  const nlohmann::ordered_json holder{{"process", ::getpid()}, {"host", host_name()}, {"since", now()}};
  const std::string text = holder.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  // The file's content is only used in messages, so a full disk is no reason to stop.
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, text.data(), text.size(), 0) < 0)
    return;
}

/// Whether `path` still is the open file: its holder may have removed it in the meantime.
bool is_same(int file, const std::filesystem::path& path) {
  using Stat = struct stat;
  Stat opened{}, there{};
  return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &there) == 0 && opened.st_ino == there.st_ino &&
         opened.st_dev == there.st_dev;
}

} // namespace

std::filesystem::path lock_file_beside(const std::filesystem::path& place) {
  const std::filesystem::path whole = place.has_filename() ? place : place.parent_path();
  return whole.parent_path() / ("." + whole.filename().string() + ".lock");
}

RunLock::RunLock(std::filesystem::path file, const std::filesystem::path& place, const std::string& what)
    : path_(std::move(file)) {
  for (;;) {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0)
      throw DataError(path_.string() + ": the file that locks the " + what +
                      " could not be created: " + std::generic_category().message(errno) + ".");
    const int failed = ::flock(file_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    if (failed == 0 && !is_same(file_, path_)) {
      ::close(file_);
      continue;
    }
    const Holder holder = read_holder(file_);
    const bool here = holder.host == host_name(), known = holder.process != 0;
    const bool lockless = failed != 0 && failed != EWOULDBLOCK;
    const bool held = failed == EWOULDBLOCK || (lockless && known && here && lives(holder.process));
    if (!held && (failed == 0 || here || !known)) {
      if (lockless)
        remark_ = path_.string() + ": this file system has no locks (" +
                  std::generic_category().message(failed) +
                  "), so nothing keeps a run on another computer from using the same " + what + ".";
      else if (known && !here) // some shared file systems do not propagate locks between machines
        remark_ =
            place.string() + ": " + holder.described() +
            " ended without removing its lock, which this run takes over; if it still runs there, stop one of "
            "them.";
      break;
    }
    ::close(file_);
    throw DataError(place.string() + ": another run is using this " + what + ": " + holder.described() + "; " +
                    (held ? "wait for it, or name another place."
                          : "if that run has ended, remove " + path_.string() + "."));
  }
  write_holder(file_);
}

RunLock::~RunLock() {
  ::unlink(path_.c_str());
  ::close(file_);
}

} // namespace cuecard
