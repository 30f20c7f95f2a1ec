/// The one thing that the plugin `wrong` does wrong in this process: the value of CUECARD_WRONG; nothing without it.
#pragma once

#include <cstdlib>
#include <string_view>

namespace wrong {

inline bool has(std::string_view fault) {
  const char* chosen = std::getenv("CUECARD_WRONG");
  return chosen && fault == chosen;
}

} // namespace wrong
