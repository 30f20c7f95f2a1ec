/// The recorded cases of OpenPrompt, which are not part of the project; they are looked up next to it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace cuecard {

inline std::filesystem::path reference_folder() {
  const char* shared = std::getenv("CUECARD_SHARED");
  return (shared != nullptr ? std::filesystem::path(shared)
                            : std::filesystem::path(CUECARD_SOURCE_DIR) / "../shared") /
         "reference";
}

inline bool has_reference_cases() {
  return std::filesystem::exists(reference_folder() / "template_cases.json");
}

inline nlohmann::json read_reference_cases() {
  std::ifstream file(reference_folder() / "template_cases.json");
  return nlohmann::json::parse(file);
}

} // namespace cuecard
