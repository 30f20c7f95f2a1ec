#include "shipping/archive/signing_key.hpp"

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cuecard/error.hpp>

#include "registry/trust/ed25519.hpp"
#include "sdk/manifest/file_bytes.hpp"

namespace cuecard::shipping {

namespace {

using Buffer = std::unique_ptr<BIO, decltype(&BIO_free)>;

constexpr uint64_t largest_key_file = 16 << 10;

[[noreturn]] void fail() {
  throw Error("Ed25519 is not available in this system's OpenSSL.");
}

std::string pem_of(EVP_PKEY* key) {
  const Buffer buffer(BIO_new(BIO_s_mem()), BIO_free);
  if (!buffer || PEM_write_bio_PrivateKey(buffer.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    fail();
  char* text = nullptr;
  const long size = BIO_get_mem_data(buffer.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

/// Not AtomicFile, whose mode follows the umask: nobody else may read the key for an instant.
void write_private(const std::filesystem::path& file, const std::string& text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0 && errno == EEXIST)
    throw UsageError(file.string() + ": already exists; a key is never overwritten, so choose another file.");
  const bool written = descriptor >= 0 &&
                       ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(descriptor) == 0;
  const int reason = errno;
  if (descriptor >= 0)
    ::close(descriptor);
  if (written)
    return;
  if (descriptor >= 0)
    ::unlink(file.c_str());
  throw DataError(file.string() + ": could not be written: " + std::generic_category().message(reason) + ".");
}

/// Nobody can be asked for a passphrase.
int no_password(char*, int, int, void*) {
  return -1;
}

} // namespace

SigningKey SigningKey::create(const std::filesystem::path& file) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  if (!key)
    fail();
  write_private(file, pem_of(key.get()));
  return SigningKey(key);
}

SigningKey SigningKey::read(const std::filesystem::path& file) {
  const std::vector<unsigned char> bytes = file_bytes(file, largest_key_file);
  const Buffer buffer(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), BIO_free);
  const Key key(PEM_read_bio_PrivateKey(buffer.get(), nullptr, &no_password, nullptr), EVP_PKEY_free);
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519)
    throw DataError(file.string() +
                    ": is not an Ed25519 private key in PEM; make one with `cuecard plugin key new`.");
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)))
    throw DataError(file.string() + ": others can read this private key; run `chmod go= " + file.string() +
                    "`, and make a new key if they may have done so.");
  return SigningKey(key);
}

std::string SigningKey::public_key() const {
  std::array<unsigned char, 32> raw{};
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size) != 1 || size != raw.size())
    fail();
  return registry::base64(raw);
}

registry::Signature SigningKey::sign(std::span<const unsigned char> bytes) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::array<unsigned char, 64> raw{};
  std::size_t size = raw.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), raw.data(), &size, bytes.data(), bytes.size()) != 1 || size != raw.size())
    fail();
  return {public_key(), registry::base64(raw)};
}

} // namespace cuecard::shipping
