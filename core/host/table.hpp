/// A table for people: columns as wide as their longest cell, the first left-aligned, the others right-aligned.
#pragma once

#include <string>
#include <vector>

namespace cuecard::host {

/// Lines end in a line feed; a rule stands below the head. Rows may be shorter than the head. Cells are made
/// one line.
std::string table(std::vector<std::string> head, std::vector<std::vector<std::string>> rows);

/// The head of a column of measures: the metric that all of them have, else "value".
std::string measure_head(const std::vector<std::string>& metrics);

/// "83.2%", "1,234", "12.3": how numbers stand in tables.
std::string percent(double share);
std::string grouped(long long number);
std::string rounded(double number, int digits);

} // namespace cuecard::host
