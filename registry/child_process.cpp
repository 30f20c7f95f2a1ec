#include "child_process.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cuecard/error.hpp>

#include "guard.hpp"

namespace cuecard::registry {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t max_answer_size = 64 << 10;
constexpr int tick_milliseconds = 10;
constexpr std::size_t most_of_line = 400;

/// A pipe and the text read from it so far.
class Pipe {
public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0)
      throw Error(std::string("can't create a pipe (") + std::strerror(errno) + ").");
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Pipe() {
    ::close(ends_[0]);
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void close_writer() {
    if (ends_[1] >= 0)
      ::close(ends_[1]);
    ends_[1] = -1;
  }
  /// Reads what is available. Beyond the limit it keeps reading, so that the child never blocks, and discards.
  void drain() {
    char buffer[4096];
    for (ssize_t got; (got = ::read(ends_[0], buffer, sizeof buffer)) > 0;)
      if (text_.size() < max_answer_size)
        text_.append(buffer, static_cast<std::size_t>(got));
  }
  const std::string& text() const { return text_; }

private:
  int ends_[2] = {-1, -1};
  std::string text_;
};

pid_t start(const std::vector<std::string>& command, const Pipe& answer, const Pipe& errors) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, answer.writer(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, errors.writer(), STDERR_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, arguments[0], &files, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0)
    throw Error("can't start a process (" + std::string(std::strerror(error)) + ").");
  return child;
}

/// Waits for the child while draining its pipes and kills it at the deadline. Returns its status, or -1 if it
/// was killed.
int wait_until(Clock::time_point deadline, pid_t child, Pipe& answer, Pipe& errors) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    answer.drain();
    errors.drain();
    if (ended == child)
      return status;
    if (ended < 0 && errno != EINTR)
      throw Error(std::string("can't wait for a process (") + std::strerror(errno) + ").");
    if (Clock::now() >= deadline) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return -1;
    }
    pollfd ready[] = {{answer.reader(), POLLIN, 0}, {errors.reader(), POLLIN, 0}};
    ::poll(ready, 2, tick_milliseconds);
    if (((ready[0].revents | ready[1].revents) & POLLIN) == 0)
      ::poll(nullptr, 0, tick_milliseconds); // both closed but the child still runs: don't spin
  }
}

} // namespace

int ChildResult::exit_code() const {
  return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string ChildResult::signal() const {
  const int number = status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  const char* name = ::sigabbrev_np(number);
  const char* text = ::sigdescr_np(number);
  return (name ? "SIG" + std::string(name) : "signal " + std::to_string(number)) +
         (text ? " (" + std::string(text) + ")" : "");
}

std::string ChildResult::first_error() const {
  for (std::size_t begin = 0; begin < errors.size();) {
    const std::size_t end = std::min(errors.find('\n', begin), errors.size());
    if (const std::string line =
            sentence_of(errors.substr(begin, std::min<std::size_t>(end - begin, most_of_line)));
        !line.empty())
      return line;
    begin = end + 1;
  }
  return "";
}

ChildResult run_child(const std::vector<std::string>& command, double limit) {
  const auto begin = Clock::now();
  Pipe answer, errors;
  const pid_t process = start(command, answer, errors);
  answer.close_writer();
  errors.close_writer();
  const auto deadline = begin + std::chrono::duration_cast<Clock::duration>(Seconds(limit));
  ChildResult result;
  result.status = wait_until(deadline, process, answer, errors);
  result.seconds = Seconds(Clock::now() - begin).count();
  result.answer = answer.text();
  result.errors = errors.text();
  return result;
}

} // namespace cuecard::registry
