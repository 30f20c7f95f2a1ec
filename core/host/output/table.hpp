/// Plain-text tables: the first column is left-aligned, the others right-aligned.
#pragma once

#include <string>
#include <vector>

namespace cuecard::host {

/// A rule separates the header from the rows. Rows may be shorter than the header. Line breaks in cells become
/// spaces.
std::string table(std::vector<std::string> header, std::vector<std::vector<std::string>> rows);

/// Column header for metric values: the metric's name if all are the same, else "value".
std::string metric_header(const std::vector<std::string>& metrics);

/// Number formats in tables: "83.2%", "1,234", "12.3".
std::string percent(double share);
std::string grouped(long long number);
std::string rounded(double number, int digits);
/// "p = 0.0312", "p = 6.9e-14".
std::string p_value(double p);

} // namespace cuecard::host
