/// Ed25519 signatures (RFC 8032). Keys and signatures are written in base64: 44 and 88 characters.
#pragma once

#include <span>
#include <string>

namespace cuecard::registry {

/// The base64 text of 32 bytes.
bool is_public_key(const std::string& key);
/// The base64 text of 64 bytes.
bool is_signature(const std::string& signature);

/// Whether `signature` is a signature of these bytes by the owner of `key`. False if either text is malformed.
bool is_signed(std::span<const unsigned char> bytes, const std::string& key, const std::string& signature);

std::string base64(std::span<const unsigned char> bytes);

} // namespace cuecard::registry
