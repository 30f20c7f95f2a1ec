#include "host/interrupt.hpp"

#include <csignal>

#include <unistd.h>

namespace cuecard::host {

namespace {

volatile std::sig_atomic_t stops_in_order = 0;
volatile std::sig_atomic_t asked = 0;

void on_signal(int number) {
  if (!stops_in_order || asked)
    ::_exit(128 + number);
  asked = 1;
}

} // namespace

void handle_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Interruptible::Interruptible() {
  asked = 0;
  stops_in_order = 1;
}

Interruptible::~Interruptible() {
  stops_in_order = 0;
}

bool Interruptible::requested() {
  return asked != 0;
}

} // namespace cuecard::host
