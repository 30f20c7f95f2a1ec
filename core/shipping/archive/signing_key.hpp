/// Private Ed25519 keys of plugin authors: PEM files (PKCS 8, not encrypted) that only their owner can read.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "registry/trust/contents.hpp"

using EVP_PKEY = struct evp_pkey_st;

namespace cuecard::shipping {

class SigningKey {
public:
  /// A new key in a new file with mode 0600. Throws DataError if the file exists or can't be written.
  static SigningKey create(const std::filesystem::path& file);
  /// Throws DataError if the file can't be read, can be read by others, or holds no such key.
  static SigningKey read(const std::filesystem::path& file);

  /// In base64, see registry/trust/ed25519.hpp.
  std::string public_key() const;
  registry::Signature sign(std::span<const unsigned char> bytes) const;

private:
  using Key = std::shared_ptr<EVP_PKEY>;
  explicit SigningKey(Key key) : key_(std::move(key)) {}
  Key key_;
};

} // namespace cuecard::shipping
