/// JSON from untrusted files: size and nesting depth are limited, and duplicate keys are rejected.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace cuecard {

struct JsonLimits {
  std::size_t bytes = std::size_t{16} << 20;
  int depth = 32;
};

/// Parses a document. Errors are DataError; the message starts with `origin` and gives line and column.
nlohmann::json parse_json(std::string_view text, const std::string& origin, const JsonLimits& limits = {});

/// Reads and parses a file.
nlohmann::json read_json(const std::filesystem::path& path, const JsonLimits& limits = {});

/// Reads a whole file. Throws DataError when it is larger than `limit` bytes.
std::string read_text(const std::filesystem::path& path, std::size_t limit);

} // namespace cuecard
