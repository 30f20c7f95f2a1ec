#include "file_bytes.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

class Descriptor {
public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0)
      ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

private:
  int number_;
};

} // namespace

std::vector<unsigned char> file_bytes(const std::filesystem::path& file, uint64_t limit) {
  // Non-blocking, since opening a named pipe must not hang.
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (descriptor.number() < 0 || ::fstat(descriptor.number(), &status) != 0)
    throw DataError(file.string() + ": can't be read (" + std::strerror(errno) + ").");
  if (!S_ISREG(status.st_mode))
    throw DataError(file.string() + ": not a regular file.");
  if (static_cast<uint64_t>(status.st_size) > limit)
    throw DataError(file.string() + ": has " + std::to_string(status.st_size) + " bytes; the limit is " +
                    std::to_string(limit) + ".");
  std::vector<unsigned char> bytes(static_cast<std::size_t>(status.st_size));
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::read(descriptor.number(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      throw DataError(file.string() + ": can't be read completely (" +
                      (got < 0 ? std::strerror(errno) : "the file was truncated") + ").");
    filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string sha256(std::span<const unsigned char> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1)
    throw Error("SHA-256 is not available in this system's OpenSSL.");
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text.push_back("0123456789abcdef"[digest[i] >> 4]);
    text.push_back("0123456789abcdef"[digest[i] & 15]);
  }
  return text;
}

} // namespace cuecard
