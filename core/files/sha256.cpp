#include "files/sha256.hpp"

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"

namespace cuecard {

namespace {

class Digest {
public:
  Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
      throw Error("OpenSSL could not start a SHA-256 digest.");
  }
  void add(const void* bytes, std::size_t size) {
    if (EVP_DigestUpdate(context_.get(), bytes, size) != 1)
      throw Error("OpenSSL could not continue a SHA-256 digest.");
  }
  std::string hex() {
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), raw, &size) != 1)
      throw Error("OpenSSL could not finish a SHA-256 digest.");
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text += "0123456789abcdef"[raw[i] >> 4];
      text += "0123456789abcdef"[raw[i] & 15];
    }
    return text;
  }

private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

/// The cache key of a file, one line of text; "" when stat(2) fails.
std::string cache_key(const std::filesystem::path& path, struct stat& status) {
  if (::stat(path.c_str(), &status) != 0)
    return "";
  const auto number = [](auto value) { return std::to_string(value) + " "; };
  return number(status.st_size) + number(status.st_mtim.tv_sec) + number(status.st_mtim.tv_nsec) +
         number(status.st_ino) + number(status.st_dev) + path.string();
}

std::filesystem::path cache_directory() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/')
    return std::filesystem::path(cache) / "cuecard" / "sha256";
  if (const char* home = std::getenv("HOME"); home && *home == '/')
    return std::filesystem::path(home) / ".cache" / "cuecard" / "sha256";
  return {};
}

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// A cache entry is a small file: the key on its first line, the digest on its second.
std::string read_cached(const std::filesystem::path& entry, const std::string& key) {
  std::ifstream file(entry);
  std::string found_key, digest;
  if (!std::getline(file, found_key) || !std::getline(file, digest) || found_key != key || !is_digest(digest))
    return "";
  return digest;
}

void write_cached(const std::filesystem::path& entry, const std::string& key, const std::string& digest) {
  try {
    std::filesystem::create_directories(entry.parent_path());
    write_file_atomically(entry, key + "\n" + digest + "\n");
  } catch (const std::exception&) {
    // The next run hashes again.
  }
}

} // namespace

std::string sha256(std::string_view bytes) {
  Digest digest;
  digest.add(bytes.data(), bytes.size());
  return digest.hex();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  const auto throw_read_error = [&] {
    throw DataError(path.string() + ": could not be read: " + std::generic_category().message(errno) + ".");
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    throw_read_error();
  const std::unique_ptr<const int, void (*)(const int*)> closing(&file, [](const int* f) { ::close(*f); });
  Digest digest;
  std::vector<char> block(std::size_t{1} << 20);
  for (;;) {
    const ssize_t size = ::read(file, block.data(), block.size());
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      throw_read_error();
    if (size == 0)
      return digest.hex();
    digest.add(block.data(), static_cast<std::size_t>(size));
  }
}

std::string cached_sha256_of_file(const std::filesystem::path& path) {
  std::error_code unresolved;
  std::filesystem::path canonical_path = std::filesystem::canonical(path, unresolved);
  const std::filesystem::path cache = cache_directory();
  struct stat before {
  }, after{};
  const std::string key = unresolved ? "" : cache_key(canonical_path, before);
  if (key.empty() || cache.empty() || canonical_path.string().find('\n') != std::string::npos)
    return sha256_of_file(path);
  const std::filesystem::path entry = cache / sha256(canonical_path.string());
  if (std::string digest = read_cached(entry, key); !digest.empty())
    return digest;
  std::string digest = sha256_of_file(canonical_path);
  const bool unchanged = cache_key(canonical_path, after) == key;
  if (unchanged && after.st_mtim.tv_sec + 2 <= std::time(nullptr))
    write_cached(entry, key, digest);
  return digest;
}

} // namespace cuecard
