/// Common part of the fuzz targets, each of which wraps one parser of untrusted bytes in libFuzzer's entry
/// point.
///
/// `LLVMFuzzerTestOneInput` parses an input and uses the result. It returns 0 if the input was read, -1 if it
/// was rejected. Everything else is a finding: another exception, a crash, a sanitizer report, an excessive
/// allocation, a hang.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <cuecard/error.hpp>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size);

namespace cuecard::fuzz {

/// Error text of the last rejected input. The driver checks its length and treats a new text as new coverage.
inline std::string& refusal() {
  static std::string sentence;
  return sentence;
}

template <class Read>
int read_or_refuse(Read&& read) {
  refusal().clear();
  try {
    read();
    return 0;
  } catch (const Error& error) {
    refusal() = error.what();
    return -1;
  }
}

inline std::string_view text_of(const uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

/// An invariant of everything that was read; a violation is a finding.
inline void require(bool holds, const char* what) {
  if (!holds)
    throw std::logic_error(what);
}

} // namespace cuecard::fuzz
