/// Memory that a manifest is read from: a library file's image or this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cuecard {

class Memory {
public:
  virtual ~Memory() = default;

  /// Throws DataError if the address range doesn't exist.
  virtual void read(uint64_t address, void* to, std::size_t size) const = 0;
  /// Target of the pointer at `address`; 0 for a null pointer. Throws DataError if it can't be determined.
  virtual uint64_t pointer(uint64_t address) const = 0;
};

} // namespace cuecard
