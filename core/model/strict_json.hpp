/// JSON from files that nobody vouches for: size and depth are limited, a key may stand once.
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

/// The document. Errors are DataError that begin with `origin` and give line and column.
nlohmann::json parse_json(std::string_view text, const std::string& origin, const JsonLimits& limits = {});

/// The same from a file.
nlohmann::json read_json(const std::filesystem::path& path, const JsonLimits& limits = {});

/// A whole file of at most `limit` bytes.
std::string read_text(const std::filesystem::path& path, std::size_t limit);

} // namespace cuecard
