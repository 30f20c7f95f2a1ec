#include "files/mapped_file.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0)
      ::close(number);
  }
};

[[noreturn]] void throw_system_error(const std::filesystem::path& path, const std::string& action) {
  throw DataError(path.string() + ": could not be " + action + ": " + std::generic_category().message(errno) +
                  ".");
}

} // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0)
    throw_system_error(path, "opened");
  struct stat status {};
  if (::fstat(file.number, &status) != 0)
    throw_system_error(path, "examined");
  if (!S_ISREG(status.st_mode))
    throw DataError(path.string() + ": is not a regular file.");
  std::span<const std::byte> bytes;
  if (status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number, 0);
    if (start == MAP_FAILED)
      throw_system_error(path, "mapped");
    bytes = {static_cast<const std::byte*>(start), size};
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, bytes));
}

MappedFile::MappedFile(std::filesystem::path path, std::span<const std::byte> bytes)
    : path_(std::move(path)), bytes_(bytes) {}

MappedFile::~MappedFile() {
  if (!bytes_.empty())
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::release(std::span<const std::byte> part) const {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t skipped =
      (page - reinterpret_cast<std::uintptr_t>(part.data()) % page) % page; // up to a page's beginning
  if (part.size() < skipped + page)
    return;
  const std::size_t size = (part.size() - skipped) / page * page;
  ::madvise(const_cast<std::byte*>(part.data() + skipped), size,
            MADV_DONTNEED); // Only a hint: failure is harmless.
}

} // namespace cuecard
