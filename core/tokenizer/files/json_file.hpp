/// JSON documents from untrusted files.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace cuecard::tokenizer {

/// Throws DataError when the text is not valid JSON or is nested more than 64 levels deep. `origin` names it in
/// errors.
nlohmann::json parse_json_text(const std::string& text, const std::string& origin);

/// The file's bytes. Throws DataError when it can't be read or is larger than 1 GB.
std::string read_file(const std::filesystem::path& file);

/// Throws DataError when the file can't be read, is larger than 1 GB, is not valid JSON, or is nested more
/// than 64 levels deep.
nlohmann::json read_json_file(const std::filesystem::path& file);

} // namespace cuecard::tokenizer
