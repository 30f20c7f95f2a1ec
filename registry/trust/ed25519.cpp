#include "registry/trust/ed25519.hpp"

#include <memory>
#include <optional>
#include <vector>

#include <openssl/evp.h>

#include <cuecard/error.hpp>

namespace cuecard::registry {

namespace {

constexpr std::size_t key_size = 32, signature_size = 64;

/// The bytes of a base64 text of exactly `size` bytes, in canonical form: the decoded bytes must encode to the same text.
std::optional<std::vector<unsigned char>> decoded(const std::string& text, std::size_t size) {
  if (text.size() != (size + 2) / 3 * 4)
    return std::nullopt;
  std::vector<unsigned char> bytes(text.size() / 4 * 3);
  const auto* from = reinterpret_cast<const unsigned char*>(text.data());
  if (EVP_DecodeBlock(bytes.data(), from, static_cast<int>(text.size())) < 0)
    return std::nullopt;
  bytes.resize(size);
  if (base64(bytes) != text)
    return std::nullopt;
  return bytes;
}

} // namespace

bool is_public_key(const std::string& key) {
  return decoded(key, key_size).has_value();
}

bool is_signature(const std::string& signature) {
  return decoded(signature, signature_size).has_value();
}

bool is_signed(std::span<const unsigned char> bytes, const std::string& key, const std::string& signature) {
  const auto raw_key = decoded(key, key_size);
  const auto raw_signature = decoded(signature, signature_size);
  if (!raw_key || !raw_signature)
    return false;
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> owner(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw_key->data(), raw_key->size()), EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!owner || !context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, owner.get()) != 1)
    throw Error("Ed25519 is not available in this system's OpenSSL.");
  return EVP_DigestVerify(context.get(), raw_signature->data(), raw_signature->size(), bytes.data(),
                          bytes.size()) == 1;
}

std::string base64(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0'); // EVP_EncodeBlock adds a zero
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

} // namespace cuecard::registry
