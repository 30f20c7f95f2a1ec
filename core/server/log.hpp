/// What the server tells its operator, on standard error.
#pragma once

#include <iostream>
#include <string>

#include "program/one_line.hpp"

namespace cuecard::server {

/// Threads: any.
inline void log(const std::string& sentence) {
  std::cerr << "cuecard: " + host::one_line(sentence) + "\n" << std::flush;
}

} // namespace cuecard::server
