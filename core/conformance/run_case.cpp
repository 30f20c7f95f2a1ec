#include "conformance/run_case.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cuecard/error.hpp>

#include "files/temporary_folder.hpp"
#include "registry/child_process.hpp"
#include "registry/guard.hpp"

namespace cuecard::conformance {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr char passed_mark = 'p', failed_mark = 'f', skipped_mark = 's';

void redirect(int descriptor, const fs::path& file) {
  const int opened = ::open(file.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  if (opened < 0)
    ::_exit(1);
  ::dup2(opened, descriptor);
  ::close(opened);
}

/// The child's side: a mark and a text.
std::string answer_of(const Case& each, const Subject& subject) {
  try {
    return passed_mark + each.run(subject);
  } catch (const NotApplicable& reason) {
    return skipped_mark + std::string(reason.what());
  } catch (const std::exception& error) {
    return failed_mark + registry::sentence_of(error.what());
  } catch (...) {
    return failed_mark + std::string("it threw an exception that is not a std::exception.");
  }
}

[[noreturn]] void run_as_child(const Case& each, const Subject& subject, int answer) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  redirect(STDOUT_FILENO, subject.output);
  redirect(STDERR_FILENO, subject.errors);
  ::setenv("XDG_CACHE_HOME", subject.folder.c_str(),
           1); // for the SHA-256 sums of the models that the kit makes
  const std::string text = answer_of(each, subject);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(answer, text.data() + done, text.size() - done);
    if (written < 0 && errno != EINTR)
      ::_exit(1);
    done += written > 0 ? static_cast<std::size_t>(written) : 0;
  }
  ::_exit(0); // without the plugin's destructors: a process may end at any time
}

/// What the child writes until it ends; false if it did not end in time, and was stopped.
bool read_until(Clock::time_point deadline, int answer, std::string& text) {
  char buffer[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0)
      return false;
    pollfd ready{answer, POLLIN, 0};
    const int found = ::poll(&ready, 1, static_cast<int>(std::min<int64_t>(left, 1000)));
    if (found < 0 && errno != EINTR)
      throw Error(std::string("can't wait for a process (") + std::strerror(errno) + ").");
    if (found <= 0)
      continue;
    const ssize_t got = ::read(answer, buffer, sizeof buffer);
    if (got == 0)
      return true;
    if (got > 0)
      text.append(buffer, static_cast<std::size_t>(got));
  }
}

/// The last line that the child wrote to standard error: the engine's sentence on a crash inside a plugin.
std::string last_line(const fs::path& file) {
  std::ifstream lines(file);
  std::string last, line;
  while (std::getline(lines, line))
    if (!line.empty())
      last = line;
  constexpr std::string_view program = "cuecard: ";
  return registry::sentence_of(last.starts_with(program) ? last.substr(program.size()) : last);
}

std::string seconds_text(double seconds) {
  std::ostringstream text;
  text << seconds;
  return text.str() + (seconds == 1 ? " second" : " seconds");
}

void read_answer(const std::string& text, int status, const fs::path& errors, Finding& finding) {
  const bool exited = WIFEXITED(status);
  if (exited && WEXITSTATUS(status) == 0 && !text.empty()) {
    finding.status = text[0] == passed_mark    ? Status::passed
                     : text[0] == skipped_mark ? Status::skipped
                                               : Status::failed;
    finding.text = text.substr(1);
    return;
  }
  finding.status = Status::failed;
  finding.crashed = true;
  const std::string said = last_line(errors);
  if (!exited) {
    registry::ChildResult ended;
    ended.status = status;
    finding.text = "it crashed with " + ended.signal() + (said.empty() ? "" : ", after: " + said) + ".";
  } else {
    finding.text = said.empty() ? "it ended the process with exit code " + std::to_string(WEXITSTATUS(status)) +
                                      " and said nothing."
                                : said;
  }
}

} // namespace

Finding run_case(const Case& each, const registry::Registry& plugins,
                 const std::shared_ptr<const registry::Plugin>& plugin, std::size_t component,
                 const RunSettings& settings) {
  const bool whole = each.kind == 0 && !each.each_component;
  const TemporaryFolder folder("check"); // removed by the parent, however the child ends
  const Subject subject{plugins,
                        plugin,
                        component,
                        settings.set,
                        settings.seed,
                        folder.path(),
                        folder.path() / "output.txt",
                        folder.path() / "errors.txt"};
  Finding finding{each.name, whole ? "" : subject.info().name, Status::passed, "", 0};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw Error(std::string("can't create a pipe (") + std::strerror(errno) + ").");
  const auto begin = Clock::now();
  std::cout.flush();
  std::cerr.flush();
  const pid_t child = ::fork();
  if (child < 0)
    throw Error(std::string("can't start a process (") + std::strerror(errno) + ").");
  if (child == 0) {
    ::close(ends[0]);
    run_as_child(each, subject, ends[1]);
  }
  ::close(ends[1]);
  std::string text;
  const auto limit = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(settings.limit));
  const bool ended = read_until(begin + limit, ends[0], text);
  if (!ended)
    ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::close(ends[0]);
  finding.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (ended) {
    read_answer(text, status, subject.errors, finding);
  } else {
    finding.status = Status::failed;
    finding.crashed = true;
    finding.text = "it was not done within " + seconds_text(settings.limit) + " and was stopped.";
  }
  return finding;
}

} // namespace cuecard::conformance
