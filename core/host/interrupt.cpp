#include "host/interrupt.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cuecard/error.hpp>

namespace cuecard::host {

namespace {

volatile std::sig_atomic_t interruptible = 0;
volatile std::sig_atomic_t requested_stop = 0;
/// A pipe that the handler writes to. `wait_for` polls it together with the file, so that it sees a signal that
/// another thread handles or that comes just before the wait.
int wake[2] = {-1, -1};

/// A progress bar leaves the cursor in its line.
bool on_terminal = false;

/// At once, because the step may never end.
void write_hint() {
  constexpr char hint[] = "\ncuecard: stopping after the current step; press Ctrl-C again to end at once.\n";
  const std::size_t skipped = on_terminal ? 0 : 1;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, hint + skipped, sizeof hint - 1 - skipped);
}

void on_signal(int number) {
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

Interruptible::Interruptible() {
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
