// Progress on standard error: a line that is redrawn on a terminal, plain lines elsewhere.
#include "host/runs/progress.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

using namespace cuecard::host;

namespace {

/// What `work` writes to standard error when that is `target`, read at `source`.
std::string written(int target, int source, const std::function<void()>& work) {
  std::fflush(stderr);
  const int before = ::dup(STDERR_FILENO);
  ::dup2(target, STDERR_FILENO);
  work();
  std::fflush(stderr);
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(target);
  ::fcntl(source, F_SETFL, O_NONBLOCK);
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(source, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  ::close(source);
  return text;
}

std::string on_terminal(const std::function<void()>& work) {
  const int ours = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(ours >= 0);
  REQUIRE(::grantpt(ours) == 0);
  REQUIRE(::unlockpt(ours) == 0);
  const int theirs = ::open(::ptsname(ours), O_RDWR | O_NOCTTY);
  REQUIRE(theirs >= 0);
  return written(theirs, ours, work);
}

std::string in_a_log(const std::function<void()>& work) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  return written(ends[1], ends[0], work);
}

void all_steps(bool quiet, std::chrono::milliseconds begin) {
  ProgressBar bar("work", 20, quiet);
  std::this_thread::sleep_for(begin);
  for (int step = 1; step <= 20; ++step)
    bar.show(step, "loss 0.5");
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr std::chrono::milliseconds at_once{0}, long_begun{1100};

} // namespace

TEST_CASE("on a terminal the bar is redrawn in place, and its line is ended") {
  const std::string text = on_terminal([] { all_steps(false, at_once); });
  CHECK(text.starts_with("\rwork ["));
  CHECK(contains(text, "\rwork [========================] 20/20  0:0"));
  CHECK(contains(text, "loss 0.5"));
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("in a log, long work prints a plain line about every tenth, and short work none") {
  CHECK(in_a_log([] { all_steps(false, at_once); }).empty());
  const std::string text = in_a_log([] { all_steps(false, long_begun); });
  CHECK(!contains(text, "\r"));
  CHECK(!contains(text, "["));
  CHECK(text.starts_with("work 2/20  0:0"));
  CHECK(contains(text, "\nwork 20/20  0:0"));
  std::size_t lines = 0;
  for (const char character : text)
    lines += character == '\n';
  CHECK(lines == 10);
}

TEST_CASE("nothing is printed when quiet") {
  CHECK(on_terminal([] { all_steps(true, at_once); }).empty());
  CHECK(in_a_log([] { all_steps(true, long_begun); }).empty());
}
