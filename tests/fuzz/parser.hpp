/// What a source in this folder is: one parser of foreign bytes behind libFuzzer's entry point.
///
/// `LLVMFuzzerTestOneInput` gives a parser an input and what it made of it some use: 0 when the input was read,
/// -1 when it was refused. Everything else is a finding: another exception, a crash, a sanitizer's report, an
/// allocation without measure, a hang.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <cuecard/error.hpp>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size);

namespace cuecard::fuzz {

/// The sentence of the last refusal; the driver looks at its form, and takes a sentence that it has not seen
/// for new ground.
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

/// What must hold of everything that was read; a false one is a finding.
inline void require(bool holds, const char* what) {
  if (!holds)
    throw std::logic_error(what);
}

} // namespace cuecard::fuzz
