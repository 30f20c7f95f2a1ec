/// Prints what became of the records of a data file.
#pragma once

#include <iostream>

#include "data/record_report.hpp"

namespace cuecard::host {

/// One line each on standard error.
inline void print_messages(const RecordReport& report) {
  for (const std::string& message : report.messages())
    std::cerr << "cuecard: " << message << '\n';
}

} // namespace cuecard::host
