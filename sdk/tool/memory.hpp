/// Where a manifest is read from: a file's image or this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cuecard {

class Memory {
public:
  virtual ~Memory() = default;

  /// Throws DataError when the bytes do not exist.
  virtual void read(uint64_t address, void* to, std::size_t size) const = 0;
  /// What the pointer at `address` points to; 0 for a null pointer. Throws DataError when that can't be known.
  virtual uint64_t pointer(uint64_t address) const = 0;
};

} // namespace cuecard
