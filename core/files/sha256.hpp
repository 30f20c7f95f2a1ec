/// SHA-256 (FIPS 180-4) of files and strings, as 64 lower-case hexadecimal digits.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace cuecard {

std::string sha256(std::string_view bytes);

/// Reads the file in blocks of constant size. Throws DataError when it can't be read.
std::string sha256_of_file(const std::filesystem::path& path);

/// Like `sha256_of_file`, but caches the digest in the user's cache directory ($XDG_CACHE_HOME/cuecard/sha256,
/// else ~/.cache/...), keyed by the file's path, size, modification time in nanoseconds, inode and device. A
/// file modified in the last two seconds is not cached, because a later change could have the same timestamp.
/// Without a writable cache directory the file is hashed on every call (about 1 s for 500 MB).
std::string cached_sha256_of_file(const std::filesystem::path& path);

} // namespace cuecard
