/// Reads data from a 64-bit little-endian ELF shared library without running or mapping it: bytes at an
/// address, targets of relocated pointers, addresses of exported symbols.
///
/// Uses what the loader uses (program headers and the dynamic section), so section headers may be stripped.
/// Layout: System V gABI chapters 4 and 5, and the x86-64 psABI's relocation types. Every offset is checked
/// against the file size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linkage.hpp"
#include "memory.hpp"

namespace cuecard {

class ElfFile : public Memory {
public:
  /// `name` is the prefix of every error. Throws DataError if the bytes are not a complete x86-64 shared
  /// library.
  ElfFile(std::string name, std::vector<unsigned char> bytes);

  /// Address of a data symbol that the library defines and exports.
  std::optional<uint64_t> data_symbol(std::string_view symbol) const;

  /// What it asks of the dynamic loader. Throws DataError if that is damaged.
  Linkage linkage() const;

  void read(uint64_t address, void* to, std::size_t size) const override;
  uint64_t pointer(uint64_t address) const override;

private:
  struct Segment {
    uint64_t address, offset, size;
  };
  /// A word that the loader overwrites with the load address plus `value`.
  struct Relocation {
    uint64_t address, value;
    bool resolved; ///< false: it points into another library
  };
  /// Up to 63 words from `address`; the loader adds the load address to those whose bit is set (DT_RELR).
  struct RelativeRun {
    uint64_t address, bits;
  };
  struct Symbol {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
  };

  [[noreturn]] void refuse(const std::string& what) const;
  template <class T>
  T at_offset(uint64_t offset) const;
  template <class T>
  T at(uint64_t address) const;
  void read_segments();
  void read_dynamic(uint64_t offset, uint64_t size);
  void read_relocations(uint64_t address, uint64_t size);
  void read_relative_relocations(uint64_t address, uint64_t size);
  Symbol symbol_at(uint64_t index) const;
  std::string text(uint64_t name) const;
  std::vector<std::string> texts(const std::vector<uint64_t>& names) const;
  std::vector<std::string> exported() const;
  uint64_t symbols_end_by_gnu_hash() const;
  bool symbol_is_named(const Symbol& symbol, std::string_view name) const;
  std::optional<Symbol> find_by_gnu_hash(std::string_view name) const;
  std::optional<Symbol> find_by_hash(std::string_view name) const;

  std::string name_;
  std::vector<unsigned char> bytes_;
  std::vector<Segment> segments_;
  std::vector<Relocation> relocations_;      ///< sorted by address
  std::vector<RelativeRun> relative_runs_;   ///< sorted by address
  std::vector<uint64_t> needed_, run_paths_; ///< offsets of their names
  bool executable_stack_ = true;             ///< as the loader has it where no header speaks of the stack
  bool text_relocations_ = false;
  uint64_t symbols_ = 0, strings_ = 0, strings_size_ = 0, hash_ = 0, gnu_hash_ = 0;
};

} // namespace cuecard
