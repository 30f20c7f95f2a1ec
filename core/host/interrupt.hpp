/// Ctrl-C. Outside of an Interruptible it ends the program at once with exit code 130 (SIGTERM: 143); inside,
/// the first one asks the work to stop in order and the second one ends the program.
#pragma once

namespace cuecard::host {

/// Makes SIGINT and SIGTERM behave as above. Called once, when a verb begins.
void handle_interrupts();

/// Work that stops in order when asked. One at a time; from the thread that runs the verb.
class Interruptible {
public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

  /// Whether Ctrl-C was pressed since this began. Stays answered after the end of the object's life until the
  /// next begins.
  static bool requested();

  /// Waits until something can be read from `file`, or is at its end. False when Ctrl-C came first.
  static bool wait_for(int file);
};

} // namespace cuecard::host
