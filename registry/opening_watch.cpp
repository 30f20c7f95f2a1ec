#include "opening_watch.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "guard.hpp"

namespace cuecard::registry {

namespace {

constexpr std::array fatal_signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
constexpr int plugin_exit_code = 4;

// State for the signal handlers: plain memory, filled in advance.
std::atomic<pid_t> watching_thread{0}; ///< 0: nothing is being loaded
char opened_file[1024];
std::array<struct sigaction, fatal_signals.size()> actions_before;
alignas(16) char handler_stack[64 << 10];
stack_t stack_before;
std::terminate_handler terminate_before = nullptr;

void write_error(const char* text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

[[noreturn]] void exit_with(const char* what, const char* detail) {
  write_error("cuecard: ");
  write_error(opened_file);
  write_error(": ");
  write_error(what);
  write_error(detail);
  write_error(" while being loaded; remove or rebuild this plugin.\n");
  ::_exit(plugin_exit_code);
}

const char* signal_text(int number) {
  const char* text = ::sigdescr_np(number);
  return text ? text : "an unknown signal";
}

void on_signal(int number) {
  if (watching_thread.load() == ::gettid())
    exit_with("it crashed with: ", signal_text(number));
  // A crash of another thread: restore the previous action; returning raises the signal again.
  for (std::size_t i = 0; i < fatal_signals.size(); ++i)
    if (fatal_signals[i] == number)
      ::sigaction(number, &actions_before[i], nullptr);
}

[[noreturn]] void on_terminate() {
  if (watching_thread.load() == ::gettid()) {
    const std::string text = thrown_text();
    exit_with(text.empty() ? "it called std::terminate" : "one of its static initialisers threw: ",
              text.c_str());
  }
  if (terminate_before)
    terminate_before();
  std::abort();
}

void on_exit() {
  if (watching_thread.load() == ::gettid())
    exit_with("it called exit", "");
}

} // namespace

std::string thrown_text() noexcept {
  try {
    if (!std::current_exception())
      return "";
    try {
      throw;
    } catch (const std::exception& error) {
      return sentence_of(error.what());
    } catch (...) {
      return "an exception that is not a std::exception";
    }
  } catch (...) {
    return "an exception whose text could not be copied";
  }
}

OpeningWatch::OpeningWatch(const std::string& file) {
  static const int registered = std::atexit(on_exit);
  static_cast<void>(registered);
  const std::size_t length = std::min(file.size(), sizeof opened_file - 1);
  std::memcpy(opened_file, file.data(), length);
  opened_file[length] = '\0';
  watching_thread = ::gettid();

  stack_t own{};
  own.ss_sp = handler_stack;
  own.ss_size = sizeof handler_stack;
  ::sigaltstack(&own, &stack_before);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < fatal_signals.size(); ++i)
    ::sigaction(fatal_signals[i], &action, &actions_before[i]);
  terminate_before = terminate_before_ = std::set_terminate(on_terminate);
}

OpeningWatch::~OpeningWatch() {
  std::set_terminate(terminate_before_);
  for (std::size_t i = 0; i < fatal_signals.size(); ++i)
    ::sigaction(fatal_signals[i], &actions_before[i], nullptr);
  ::sigaltstack(&stack_before, nullptr);
  watching_thread = 0;
}

} // namespace cuecard::registry
