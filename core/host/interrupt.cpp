#include "host/interrupt.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cuecard/error.hpp>

#include "registry/guard.hpp"

namespace cuecard::host {

namespace {

volatile std::sig_atomic_t interruptible = 0;
volatile std::sig_atomic_t requested_stop = 0;
std::atomic<const char*> lost_at_once = ""; // lock-free, for the handler
/// A pipe that the handler writes to. `wait_for` polls it together with the file, so that it sees a signal that
/// another thread handles or that comes just before the wait.
int wake[2] = {-1, -1};

/// A progress bar leaves the cursor on its line.
bool on_terminal = false;

void write_error(std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void write_names(const registry::GuardedCall& call) {
  write_error("plugin \"");
  write_error(call.plugin);
  write_error("\", component \"");
  write_error(call.component);
  write_error("\", ");
  write_error(call.function);
}

/// Whether a plugin's function is running outside a training step.
bool before_steps(const registry::GuardedCall* call) {
  for (const registry::GuardedCall* each = call; each; each = each->outer())
    if (each->function == "fit")
      return false;
  return call != nullptr;
}

/// At once, because the step may never end.
void write_hint() {
  if (on_terminal)
    write_error("\n");
  const registry::GuardedCall* call = registry::GuardedCall::current();
  if (before_steps(call)) {
    write_error("cuecard: stopping as soon as possible, while ");
    write_names(*call);
    write_error(" runs");
  } else {
    write_error("cuecard: stopping after the current step");
  }
  write_error("; press Ctrl-C again to end at once");
  if (const std::string_view loss = lost_at_once.load(); !loss.empty()) {
    write_error(", which loses ");
    write_error(loss);
  }
  write_error(".\n");
}

/// Users press Ctrl-C twice because a function does not return.
void write_unfinished() {
  const registry::GuardedCall* call = registry::GuardedCall::current();
  if (!call)
    return;
  write_error("cuecard: ");
  write_names(*call);
  write_error(": it was stopped before it returned.\n");
}

void on_signal(int number) {
  if (interruptible && requested_stop)
    write_unfinished();
  if (!interruptible || requested_stop)
    ::_exit(128 + number);
  requested_stop = 1;
  const int saved = errno;
  write_hint();
  [[maybe_unused]] const ssize_t written = ::write(wake[1], "", 1);
  errno = saved;
}

} // namespace

void handle_interrupts() {
  if (wake[0] < 0 && ::pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error("no pipe could be created to handle Ctrl-C: too many files are open; close some programs.");
  on_terminal = ::isatty(STDERR_FILENO) == 1;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Interruptible::Interruptible(const char* loss) {
  lost_at_once = loss;
  char byte;
  while (::read(wake[0], &byte, 1) > 0) {
  }
  requested_stop = 0;
  interruptible = 1;
}

Interruptible::~Interruptible() {
  interruptible = 0;
}

bool Interruptible::requested() {
  return requested_stop != 0;
}

bool Interruptible::wait_for(int file) {
  pollfd either[2] = {{file, POLLIN, 0}, {wake[0], POLLIN, 0}};
  while (!requested_stop && ::poll(either, 2, -1) < 0 && errno == EINTR) {
  }
  return !requested_stop;
}

} // namespace cuecard::host
