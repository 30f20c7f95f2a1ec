/// Keeps an input that a parser can't stand, however it shows: an exception, a signal, a sanitizer's report, a
/// hang, or an allocation of what the input merely claims.
#pragma once

#include <string>

namespace cuecard::fuzz {

/// The beginning of the names of files, once. From here on signals are findings.
void name_findings(const std::string& program);

/// `bytes` is what runs now; it must stay where it is until the next call.
void watch(const std::string& bytes);

/// Writes the input and says what it did; ends the process.
[[noreturn]] void report_finding(const std::string& what);

} // namespace cuecard::fuzz
