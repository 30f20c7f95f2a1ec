/// Prints which records of a data file were skipped or read with a loss.
#pragma once

#include "data/formats/record_report.hpp"
#include "host/output/messages.hpp"

namespace cuecard::host {

/// One line each on standard error.
inline void print_messages(const RecordReport& report) {
  for (const std::string& message : report.messages())
    messages() << "cuecard: " << message << '\n';
}

} // namespace cuecard::host
