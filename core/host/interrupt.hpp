/// Ctrl-C. Outside of an Interruptible it ends the program at once with exit code 130 (SIGTERM: 143). Inside,
/// the first one requests an orderly stop, with a message on standard error, and the second one ends the
/// program.
#pragma once

namespace cuecard::host {

/// Installs the handlers of SIGINT and SIGTERM. Called once, when a verb begins.
void handle_interrupts();

/// Scope in which Ctrl-C requests an orderly stop. One at a time; for the thread that runs the verb.
class Interruptible {
public:
  /// `loss` says what a second Ctrl-C loses, and what would keep it; "" if nothing is lost. It must stay in memory.
  explicit Interruptible(const char* loss = "");
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

  /// Whether Ctrl-C was pressed since the latest Interruptible was created; also valid after its end.
  static bool requested();

  /// Waits until `file` has data or is at its end. False if Ctrl-C came first.
  static bool wait_for(int file);
};

} // namespace cuecard::host
