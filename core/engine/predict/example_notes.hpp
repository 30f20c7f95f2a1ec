/// Errors and truncation of examples before they reach the model.
#pragma once

#include <string>
#include <vector>

#include "batch/cut_tokens.hpp"

namespace cuecard {

/// By example, in their order.
struct ExampleNotes {
  explicit ExampleNotes(std::size_t examples = 0) : problems(examples), cut(examples) {}

  std::vector<std::string> problems; ///< why an example can't be used; "" if it could
  std::vector<CutTokens> cut;        ///< what truncation removed from it
};

} // namespace cuecard
