/// Says which plugin it was when a library's static initialisers end the process.
#pragma once

#include <exception>
#include <string>

namespace cuecard::registry {

/// While it lives, a fatal signal of this thread, std::terminate or a call of exit write one sentence that
/// names `file` to standard error and end the process with exit code 4. One at a time in a process; restores
/// what it found.
///
/// Throwing out of the loader is impossible: an exception that leaves a static initialiser ends in
/// std::terminate even inside a try block around dlopen (cpp-anchors A4), and after a crash the loader's lock
/// is held for good.
class OpeningWatch {
public:
  explicit OpeningWatch(const std::string& file);
  ~OpeningWatch();
  OpeningWatch(const OpeningWatch&) = delete;
  OpeningWatch& operator=(const OpeningWatch&) = delete;

private:
  std::terminate_handler terminate_before_;
};

/// What the exception that is being handled says: its text, or that it is no std::exception. "" when there is
/// none.
std::string thrown_text() noexcept;

} // namespace cuecard::registry
