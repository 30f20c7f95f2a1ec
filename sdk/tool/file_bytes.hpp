/// A file's bytes and what they hash to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cuecard {

/// All bytes of a regular file. Throws DataError when it can't be read, is no regular file or is larger than
/// `limit`.
std::vector<unsigned char> file_bytes(const std::filesystem::path& file, uint64_t limit);

/// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256(std::span<const unsigned char> bytes);

} // namespace cuecard
