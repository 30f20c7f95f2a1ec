/// One input of a verb, with its place.
#pragma once

#include <string>

#include <cuecard/error.hpp>
#include <cuecard/example.hpp>

namespace cuecard::host {

/// Inputs are numbered from 0 in their order.
struct InputRow {
  Example example;     ///< its line is 0 if it was given on the command line
  std::string problem; ///< why it can't be used; empty when it can
  std::string place;   ///< for messages: "dev.tsv, line 3", "text 2"
};

/// The error of a skipped input; `--strict` throws it.
DataError skipped_row(const InputRow& row, const std::string& problem);

} // namespace cuecard::host
