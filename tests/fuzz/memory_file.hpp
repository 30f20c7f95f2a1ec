/// An in-memory file, for parsers that open or map files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace cuecard::fuzz {

class MemoryFile {
public:
  MemoryFile(const uint8_t* bytes, std::size_t size) : number_(::memfd_create("fuzzed", MFD_CLOEXEC)) {
    if (number_ < 0 || ::write(number_, bytes, size) != static_cast<ssize_t>(size))
      throw std::runtime_error("can't create an in-memory file");
  }
  ~MemoryFile() { ::close(number_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(number_); }

private:
  int number_;
};

} // namespace cuecard::fuzz
