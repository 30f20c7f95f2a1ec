#include "data/text_fields.hpp"

#include <algorithm>

namespace cuecard {

std::vector<std::string> text_fields(const std::vector<std::string>& template_fields) {
  std::vector<std::string> fields;
  for (const std::string& field : template_fields)
    if (!field.starts_with("meta.") && std::find(fields.begin(), fields.end(), field) == fields.end())
      fields.push_back(field);
  return fields;
}

} // namespace cuecard
