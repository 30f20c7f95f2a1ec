/// Reads the constant `cuecard_plugin` out of a library file or of a loaded library, and the identity of the
/// file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <cuecard/plugin.h>

#include "manifest.hpp"

namespace cuecard {

/// From the file, without running or mapping it: contents and identity (name, size, SHA-256, platform) are of
/// the same bytes. A library of another plugin ABI gives a manifest that is not `readable()`. Throws DataError
/// in one sentence.
Manifest read_library(const std::filesystem::path& file);
/// The same from the file's bytes, of which `digest` is the SHA-256.
Manifest read_library(const std::filesystem::path& file, std::vector<unsigned char> bytes, std::string digest);

/// The largest file that is taken for a plugin.
constexpr uint64_t largest_library = uint64_t{512} << 20;

/// From a loaded library's symbol. `file` names it in sentences; identity fields stay empty. The strings and
/// arrays must be what `read_library` accepted of the same file, since memory itself can't be checked. Throws
/// DataError.
Manifest read_symbol(const cuecard_plugin_v1& plugin, const std::string& file);

} // namespace cuecard
