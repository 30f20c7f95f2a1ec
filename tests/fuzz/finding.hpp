/// Saves inputs on which a parser fails: an exception, a signal, a sanitizer report, a hang, or an allocation
/// of a size that the input merely declares.
#pragma once

#include <string>

namespace cuecard::fuzz {

/// Sets the file name prefix and installs signal handlers. Call once.
void install_handlers(const std::string& program);

/// Sets the current input, which must stay valid until the next call.
void watch(const std::string& bytes);

/// Saves the current input, prints `what` and ends the process.
[[noreturn]] void report_finding(const std::string& what);

} // namespace cuecard::fuzz
