/// JSON documents from files that nobody has checked.
#pragma once

#include <filesystem>

#include <nlohmann/json_fwd.hpp>

namespace cuecard::tokenizer {

/// Throws DataError when the file can't be read, is larger than 1 GB, is not JSON, or nests deeper than 64
/// levels.
nlohmann::json read_json_file(const std::filesystem::path& file);

} // namespace cuecard::tokenizer
