#include <stdexcept>
#include <string_view>

#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

std::string_view without_blanks_around(std::string_view text) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(blanks);
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

} // namespace

bool is_exact(const std::string& text, const std::vector<std::string>& references) {
  for (const std::string& reference : references)
    if (without_blanks_around(text) == without_blanks_around(reference))
      return true;
  return false;
}

double exact_match(const WrittenTexts& rows) {
  if (rows.texts.size() != rows.references.size())
    throw std::logic_error("texts and references of different numbers of rows");
  double exact = 0;
  for (std::size_t row = 0; row < rows.texts.size(); ++row)
    exact += is_exact(rows.texts[row], rows.references[row]);
  return rows.texts.empty() ? 0 : exact / static_cast<double>(rows.texts.size());
}

} // namespace cuecard
