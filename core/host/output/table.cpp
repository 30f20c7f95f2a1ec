#include "host/output/table.hpp"

#include <algorithm>
#include <cstdio>

#include "program/one_line.hpp"

namespace cuecard::host {

namespace {

/// Code points, not bytes, so that columns line up in any script except for wide characters.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string line_of(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string gap(widths[i] - width_of(cells[i]), ' ');
    line += (i ? "  " : "") + (i == 0 ? cells[i] + gap : gap + cells[i]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

} // namespace

std::string table(std::vector<std::string> header, std::vector<std::vector<std::string>> rows) {
  std::ranges::transform(header, header.begin(), one_line);
  for (auto& row : rows)
    std::ranges::transform(row, row.begin(), one_line);
  std::vector<std::size_t> widths;
  widths.reserve(header.size());
  for (const std::string& cell : header)
    widths.push_back(width_of(cell));
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i]));
  std::string text = line_of(header, widths);
  std::size_t rule = 2 * (widths.size() - 1);
  for (const std::size_t width : widths)
    rule += width;
  text += std::string(rule, '-') + "\n";
  for (const auto& row : rows)
    text += line_of(row, widths);
  return text;
}

std::string metric_header(const std::vector<std::string>& metrics) {
  const bool same =
      std::ranges::all_of(metrics, [&](const std::string& metric) { return metric == metrics.front(); });
  return same && !metrics.empty() ? metrics.front() : "value";
}

std::string percent(double share) {
  return rounded(100 * share, 1) + "%";
}

std::string grouped(long long number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<long>(text.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string p_value(double p) {
  constexpr double smallest_in_four_digits = 1e-3;
  char text[64];
  std::snprintf(text, sizeof text,
                p == 0                        ? "p < 1e-300"
                : p < smallest_in_four_digits ? "p = %.1e"
                                              : "p = %.4f",
                p);
  return text;
}

std::string rounded(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

} // namespace cuecard::host
