/// The sidecar: the manifest of `<id>.so` as `<id>.json` beside it, so that plugins can be listed and judged
/// without loading any code. `cuecard-manifest` writes it after linking.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "manifest.hpp"

namespace cuecard {

constexpr uint32_t sidecar_schema = 1;

/// The JSON text, ending in a line feed. Throws DataError for a manifest of another ABI, or a text that is no
/// UTF-8.
std::string sidecar_text(const Manifest& manifest);

/// Strict: at most 256 KiB, every key known and of its type. A sidecar of another plugin ABI gives a manifest
/// that is not `readable()`. Throws DataError in one sentence.
Manifest read_sidecar(const std::filesystem::path& file);
/// The same from bytes; `origin` starts the sentences.
Manifest read_sidecar(std::span<const unsigned char> bytes, const std::string& origin);

/// The first field in which two manifests differ and both its values, as `"version" is "1.0" there and "1.1"
/// here` with the two given words; "" when they are equal. Identity of the file is compared when both have one.
std::string difference(const Manifest& one, const std::string& there, const Manifest& other,
                       const std::string& here);

} // namespace cuecard
