#include "host/interrupt.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cuecard/error.hpp>

namespace cuecard::host {

namespace {

volatile std::sig_atomic_t stops_in_order = 0;
volatile std::sig_atomic_t asked = 0;
/// A pipe that the handler writes to: whoever waits for a file waits for it as well, whichever thread gets the
/// signal and however short before the wait it comes.
int wake[2] = {-1, -1};

void on_signal(int number) {
  if (!stops_in_order || asked)
    ::_exit(128 + number);
  asked = 1;
  const int saved = errno;
  [[maybe_unused]] const ssize_t written = ::write(wake[1], "", 1);
  errno = saved;
}

} // namespace

void handle_interrupts() {
  if (wake[0] < 0 && ::pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error("the system has no pipe left for Ctrl-C; close some programs.");
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
  asked = 0;
  stops_in_order = 1;
}

Interruptible::~Interruptible() {
  stops_in_order = 0;
}

bool Interruptible::requested() {
  return asked != 0;
}

bool Interruptible::wait_for(int file) {
  pollfd either[2] = {{file, POLLIN, 0}, {wake[0], POLLIN, 0}};
  while (!asked && ::poll(either, 2, -1) < 0 && errno == EINTR) {
  }
  return !asked;
}

} // namespace cuecard::host
