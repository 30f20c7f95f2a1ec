/// The columns of an example that a template reads.
#pragma once

#include <string>
#include <vector>

namespace cuecard {

/// Those of `template_fields` (Template::fields) that are columns of an example, without metadata; each once.
std::vector<std::string> text_fields(const std::vector<std::string>& template_fields);

} // namespace cuecard
