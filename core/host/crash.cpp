#include "host/crash.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <unistd.h>

#include "program/failure.hpp"
#include "registry/guard.hpp"

namespace cuecard::host {

namespace {

constexpr std::array crash_signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#if defined(__SANITIZE_ADDRESS__)
constexpr bool handles_signals = false; // the sanitizers' own report has more details
#else
constexpr bool handles_signals = true;
#endif

std::atomic<const char*> sentence_after = ""; // lock-free, for the handler

alignas(16) char handler_stack[64 << 10]; // after a stack overflow there is no room on the thread's own stack

void write_error(std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

/// Prints the call and what happened in it, and ends the program.
[[noreturn]] void blame(const registry::GuardedCall* call, std::string_view what,
                        std::string_view detail = "") {
  write_error("cuecard: plugin \"");
  write_error(call->plugin);
  write_error("\", component \"");
  write_error(call->component);
  write_error("\", ");
  write_error(call->function);
  write_error(what);
  write_error(detail);
  write_error("; update or remove this plugin, and report this to its author.");
  if (const std::string_view sentence = sentence_after.load(); !sentence.empty()) {
    write_error(" ");
    write_error(sentence);
  }
  write_error("\n");
  ::_exit(exit_plugin);
}

void on_crash(int number) {
  const registry::GuardedCall* call = registry::GuardedCall::current();
  if (!call) {
    ::raise(number); // SA_RESETHAND has restored the default action
    return;
  }
  const char* signal = ::sigdescr_np(number);
  blame(call, ": it crashed: ", signal ? signal : "unknown signal");
}

void on_exit() {
  if (const registry::GuardedCall* call = registry::GuardedCall::current())
    blame(call, ": it ended the program");
}

} // namespace

void say_after_crash(const char* sentence) {
  sentence_after = sentence;
}

void report_plugin_crashes() {
  std::atexit(on_exit);
  if (!handles_signals)
    return;
  stack_t stack = {};
  stack.ss_sp = handler_stack;
  stack.ss_size = sizeof handler_stack;
  ::sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_crash;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
  for (const int number : crash_signals)
    ::sigaction(number, &action, nullptr);
}

} // namespace cuecard::host
