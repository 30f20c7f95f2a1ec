/// Names the plugin when a library's static initialisers end the process.
#pragma once

#include <exception>
#include <string>

namespace cuecard::registry {

/// During its lifetime, a fatal signal in this thread, std::terminate or a call of exit writes one sentence
/// that names `file` to standard error and ends the process with exit code 4. At most one per process at a
/// time; the previous handlers are restored.
///
/// Throwing instead is impossible: an exception that leaves a static initialiser calls std::terminate even
/// inside a try block around dlopen, and after a crash the loader's lock is never released.
class OpeningWatch {
public:
  explicit OpeningWatch(const std::string& file);
  ~OpeningWatch();
  OpeningWatch(const OpeningWatch&) = delete;
  OpeningWatch& operator=(const OpeningWatch&) = delete;

private:
  std::terminate_handler terminate_before_;
};

/// Text of the current exception, or a note that it is not a std::exception; "" if there is none.
std::string thrown_text() noexcept;

} // namespace cuecard::registry
