// The messages after Ctrl-C, in a child process that sends itself the signal.
#include "host/interrupt.hpp"

#include <csignal>
#include <functional>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "registry/guard.hpp"

using namespace cuecard;
using namespace cuecard::host;

namespace {

struct Ended {
  int status = 0;
  std::string said;
};

/// Runs `body` in a child process whose standard error is read.
Ended in_child(const std::function<void()>& body, const char* loss = "") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    handle_interrupts();
    const Interruptible interruptible(loss);
    body();
    ::_exit(0);
  }
  ::close(ends[1]);
  Ended ended;
  char buffer[512];
  for (ssize_t length; (length = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    ended.said.append(buffer, static_cast<std::size_t>(length));
  ::close(ends[0]);
  ::waitpid(child, &ended.status, 0);
  return ended;
}

void press() {
  ::raise(SIGINT);
}

} // namespace

TEST_CASE("the first Ctrl-C says what it waits for") {
  const Ended step = in_child([] {
    const registry::GuardedCall fit("shop", "told", "fit"), condition("shop", "told", "condition");
    press();
  });
  CHECK(step.status == 0);
  CHECK(step.said == "cuecard: stopping after the current step; press Ctrl-C again to end at once.\n");
  const Ended before = in_child([] {
    const registry::GuardedCall prepare("shop", "told", "prepare");
    press();
  });
  CHECK(before.status == 0);
  CHECK(before.said ==
        "cuecard: stopping as soon as possible, while plugin \"shop\", component \"told\", prepare runs; "
        "press Ctrl-C again to end at once.\n");
  const Ended loses = in_child(press, "the training since the last checkpoint");
  CHECK(loses.said ==
        "cuecard: stopping after the current step; press Ctrl-C again to end at once, which loses the "
        "training since the last checkpoint.\n");
}

TEST_CASE("the second Ctrl-C names the function that did not return") {
  const Ended ended = in_child([] {
    const registry::GuardedCall fit("shop", "told", "fit"), condition("shop", "told", "condition");
    press();
    press();
  });
  CHECK(WIFEXITED(ended.status));
  CHECK(WEXITSTATUS(ended.status) == 130);
  CHECK_MESSAGE(ended.said.ends_with(
                    "\ncuecard: plugin \"shop\", component \"told\", condition: it was stopped before it "
                    "returned.\n"),
                ended.said);
  const Ended outside = in_child([] {
    press();
    press();
  });
  CHECK(WEXITSTATUS(outside.status) == 130);
  CHECK(outside.said == "cuecard: stopping after the current step; press Ctrl-C again to end at once.\n");
}
