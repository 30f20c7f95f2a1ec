#include <stdexcept>

#include "metrics/python_strings.hpp"
#include "metrics/text_metrics.hpp"

namespace cuecard {

bool is_exact(const std::string& text, const std::vector<std::string>& references) {
  for (const std::string& reference : references)
    if (stripped(text) == stripped(reference))
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
