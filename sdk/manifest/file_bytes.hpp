/// A file's contents and their SHA-256.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cuecard {

/// Contents of a regular file. Throws DataError if it can't be read, is not a regular file or is larger than
/// `limit`.
std::vector<unsigned char> file_bytes(const std::filesystem::path& file, uint64_t limit);

/// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256(std::span<const unsigned char> bytes);

} // namespace cuecard
