/// Reads the constant `cuecard_plugin` from a library file or a loaded library, and the file's identity.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <cuecard/plugin.h>

#include "manifest.hpp"

namespace cuecard {

/// Reads a library file without running or mapping it; contents and identity (name, size, SHA-256, platform)
/// are of the same bytes. A library for another plugin ABI gives a manifest that is not `readable()`. Throws
/// DataError.
Manifest read_library(const std::filesystem::path& file);
/// Reads the file's contents from `bytes`, whose SHA-256 is `digest`.
Manifest read_library(const std::filesystem::path& file, std::vector<unsigned char> bytes, std::string digest);

/// Larger files are rejected, in bytes.
constexpr uint64_t max_library_size = uint64_t{512} << 20;

/// Reads a loaded library's symbol. `file` is the prefix of errors; identity fields stay empty. `read_library`
/// must have accepted the same file before, since pointers in memory can't be checked. Throws DataError.
Manifest read_symbol(const cuecard_plugin_v1& plugin, const std::string& file);

} // namespace cuecard
