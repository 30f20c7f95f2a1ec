#include <stdexcept>
#include <string_view>

#include "metrics/text_metrics.hpp"

namespace cuecard {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view whitespace = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(whitespace);
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(whitespace) - begin + 1);
}

} // namespace

bool is_exact(const std::string& text, const std::vector<std::string>& references) {
  for (const std::string& reference : references)
    if (trimmed(text) == trimmed(reference))
      return true;
  return false;
}

double exact_match(const GeneratedTexts& generated) {
  if (generated.texts.size() != generated.references.size())
    throw std::logic_error("numbers of texts and reference lists differ");
  double exact = 0;
  for (std::size_t i = 0; i < generated.texts.size(); ++i)
    exact += is_exact(generated.texts[i], generated.references[i]);
  return generated.texts.empty() ? 0 : exact / static_cast<double>(generated.texts.size());
}

} // namespace cuecard
