/// SHA-256 (FIPS 180-4) of files and texts, as 64 lower-case hexadecimal digits.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace cuecard {

std::string sha256(std::string_view bytes);

/// Reads the file in blocks, so it takes no memory. Throws DataError when it can't be read.
std::string sha256_of_file(const std::filesystem::path& path);

/// As `sha256_of_file`, but remembers the answer in the user's cache directory ($XDG_CACHE_HOME/cuecard/sha256,
/// else ~/.cache/...) under the file's path, size, modification time in nanoseconds, inode and device; a file
/// that was modified in the last two seconds is not remembered, because a later change might show the same
/// time. Without a cache directory, or with one that can't be written, it only takes longer (about 1 s for 500
/// MB).
std::string remembered_sha256_of_file(const std::filesystem::path& path);

} // namespace cuecard
