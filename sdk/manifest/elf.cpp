#include "elf.hpp"

#include <algorithm>
#include <cstring>
#include <elf.h>

#include <cuecard/error.hpp>

// Missing from <elf.h> on older systems.
#ifndef DT_RELR
#define DT_RELR 36
#define DT_RELRSZ 35
#endif

namespace cuecard {

namespace {

constexpr uint64_t word_size = sizeof(uint64_t);
constexpr uint64_t words_per_bitmap = 63;
constexpr std::size_t max_named = 1000;  ///< needed libraries and run paths
constexpr std::size_t max_segments = 64; ///< loadable segments; linkers write about four

} // namespace

void ElfFile::refuse(const std::string& what) const {
  throw DataError(name_ + ": " + what);
}

template <class T>
T ElfFile::at_offset(uint64_t offset) const {
  if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T))
    refuse("the file ends before the data that its headers declare; it is truncated or damaged.");
  T value;
  std::memcpy(&value, bytes_.data() + offset, sizeof(T));
  return value;
}

template <class T>
T ElfFile::at(uint64_t address) const {
  T value;
  read(address, &value, sizeof(T));
  return value;
}

ElfFile::ElfFile(std::string name, std::vector<unsigned char> bytes)
    : name_(std::move(name)), bytes_(std::move(bytes)) {
  if (bytes_.size() < SELFMAG || std::memcmp(bytes_.data(), ELFMAG, SELFMAG) != 0)
    refuse("not an ELF file, so not a shared library.");
  read_segments();
}

void ElfFile::read_segments() {
  const auto header = at_offset<Elf64_Ehdr>(0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64)
    refuse("an ELF file for another architecture; expected x86-64.");
  if (header.e_type != ET_DYN)
    refuse("an ELF file, but not a shared library.");
  if (header.e_phentsize != sizeof(Elf64_Phdr))
    refuse("its program headers have an unknown size.");
  std::optional<Elf64_Phdr> dynamic;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    if (header.e_phoff > bytes_.size())
      refuse("its program headers are outside the file; it is truncated or damaged.");
    const auto program = at_offset<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
    if (program.p_type == PT_GNU_STACK)
      executable_stack_ = program.p_flags & PF_X;
    if (program.p_type != PT_LOAD && program.p_type != PT_DYNAMIC)
      continue;
    // The loader would crash on pages beyond the end of a truncated file, so all segments are checked, even
    // those that are not read here.
    if (program.p_offset > bytes_.size() || bytes_.size() - program.p_offset < program.p_filesz ||
        program.p_filesz > program.p_memsz)
      refuse("a segment extends beyond the end of the file; it is truncated or damaged.");
    if (segments_.size() == max_segments)
      refuse("it has more than " + std::to_string(max_segments) + " loadable segments; the file is damaged.");
    if (program.p_type == PT_LOAD)
      segments_.push_back({program.p_vaddr, program.p_offset, program.p_filesz});
    else
      dynamic = program;
  }
  if (segments_.empty() || !dynamic)
    refuse("an ELF file, but not a shared library.");
  read_dynamic(dynamic->p_offset, dynamic->p_filesz);
}

void ElfFile::read_dynamic(uint64_t offset, uint64_t size) {
  uint64_t rela = 0, rela_size = 0, relr = 0, relr_size = 0;
  uint64_t rela_entry = sizeof(Elf64_Rela), symbol_entry = sizeof(Elf64_Sym);
  for (uint64_t at_entry = 0; size - at_entry >= sizeof(Elf64_Dyn); at_entry += sizeof(Elf64_Dyn)) {
    const auto entry = at_offset<Elf64_Dyn>(offset + at_entry);
    if (entry.d_tag == DT_NULL)
      break;
    switch (entry.d_tag) {
    case DT_SYMTAB:
      symbols_ = entry.d_un.d_ptr;
      break;
    case DT_SYMENT:
      symbol_entry = entry.d_un.d_val;
      break;
    case DT_STRTAB:
      strings_ = entry.d_un.d_ptr;
      break;
    case DT_STRSZ:
      strings_size_ = entry.d_un.d_val;
      break;
    case DT_HASH:
      hash_ = entry.d_un.d_ptr;
      break;
    case DT_GNU_HASH:
      gnu_hash_ = entry.d_un.d_ptr;
      break;
    case DT_RELA:
      rela = entry.d_un.d_ptr;
      break;
    case DT_RELASZ:
      rela_size = entry.d_un.d_val;
      break;
    case DT_RELAENT:
      rela_entry = entry.d_un.d_val;
      break;
    case DT_RELR:
      relr = entry.d_un.d_ptr;
      break;
    case DT_RELRSZ:
      relr_size = entry.d_un.d_val;
      break;
    case DT_NEEDED:
      needed_.push_back(entry.d_un.d_val);
      break;
    case DT_RPATH:
    case DT_RUNPATH:
      run_paths_.push_back(entry.d_un.d_val);
      break;
    case DT_TEXTREL:
      text_relocations_ = true;
      break;
    case DT_FLAGS:
      text_relocations_ = text_relocations_ || (entry.d_un.d_val & DF_TEXTREL);
      break;
    default:
      break;
    }
    if (needed_.size() + run_paths_.size() > max_named)
      refuse("it names more than " + std::to_string(max_named) +
             " libraries and run paths; the file is damaged.");
  }
  if (!symbols_ || !strings_ || (!hash_ && !gnu_hash_))
    refuse("its dynamic section has no symbol table.");
  if (rela_entry != sizeof(Elf64_Rela) || symbol_entry != sizeof(Elf64_Sym))
    refuse("its dynamic section has entries of an unknown size.");
  // Segments may map the same bytes at many addresses, so addresses alone don't bound a table.
  if (rela_size > bytes_.size() || relr_size > bytes_.size())
    refuse("its relocations are larger than the file; the file is damaged.");
  read_relocations(rela, rela_size);
  read_relative_relocations(relr, relr_size);
}

void ElfFile::read_relocations(uint64_t address, uint64_t size) {
  for (uint64_t i = 0; i < size / sizeof(Elf64_Rela); ++i) {
    const auto entry = at<Elf64_Rela>(address + i * sizeof(Elf64_Rela));
    const auto addend = static_cast<uint64_t>(entry.r_addend);
    if (ELF64_R_TYPE(entry.r_info) == R_X86_64_RELATIVE) {
      relocations_.push_back({entry.r_offset, addend, true});
    } else if (ELF64_R_TYPE(entry.r_info) == R_X86_64_64) {
      const Symbol symbol = symbol_at(ELF64_R_SYM(entry.r_info));
      relocations_.push_back({entry.r_offset, symbol.value + addend, symbol.section != SHN_UNDEF});
    }
  }
  std::ranges::sort(relocations_, {}, &Relocation::address);
}

/// An even word is an address; an odd one is a bitmap of the next 63 words.
void ElfFile::read_relative_relocations(uint64_t address, uint64_t size) {
  uint64_t next = 0;
  for (uint64_t i = 0; i < size / word_size; ++i) {
    const auto word = at<uint64_t>(address + i * word_size);
    if (word & 1) {
      relative_runs_.push_back({next, word >> 1});
      next += words_per_bitmap * word_size;
    } else {
      relative_runs_.push_back({word, 1});
      next = word + word_size;
    }
  }
  std::ranges::sort(relative_runs_, {}, &RelativeRun::address);
}

void ElfFile::read(uint64_t address, void* to, std::size_t size) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address || address - segment.address > segment.size)
      continue;
    const uint64_t into = address - segment.address;
    if (segment.size - into < size)
      continue;
    std::memcpy(to, bytes_.data() + segment.offset + into, size);
    return;
  }
  refuse("its data points outside the file; the file is damaged.");
}

uint64_t ElfFile::pointer(uint64_t address) const {
  const auto found = std::ranges::lower_bound(relocations_, address, {}, &Relocation::address);
  if (found != relocations_.end() && found->address == address) {
    if (!found->resolved)
      refuse("its manifest points into another library; all of it must be the plugin's own constant data.");
    return found->value;
  }
  const auto stored = at<uint64_t>(address);
  auto run = std::ranges::upper_bound(relative_runs_, address, {}, &RelativeRun::address);
  // A run that covers this word starts at most 63 words before it; single-word runs may lie in between.
  while (run != relative_runs_.begin()) {
    --run;
    const uint64_t words = (address - run->address) / word_size;
    if (words >= words_per_bitmap)
      break;
    if ((address - run->address) % word_size == 0 && (run->bits >> words & 1))
      return stored;
  }
  if (stored != 0)
    refuse("its manifest holds a pointer that the loader would not relocate.");
  return 0;
}

ElfFile::Symbol ElfFile::symbol_at(uint64_t index) const {
  if (index > bytes_.size() / sizeof(Elf64_Sym))
    refuse("it refers to a symbol beyond its symbol table.");
  const auto symbol = at<Elf64_Sym>(symbols_ + index * sizeof(Elf64_Sym));
  return {symbol.st_name, symbol.st_info, symbol.st_other, symbol.st_shndx, symbol.st_value, symbol.st_size};
}

bool ElfFile::symbol_is_named(const Symbol& symbol, std::string_view name) const {
  if (symbol.name > strings_size_ || strings_size_ - symbol.name < name.size() + 1)
    return false;
  std::string found(name.size() + 1, '\0');
  read(strings_ + symbol.name, found.data(), found.size());
  return found.compare(0, name.size(), name) == 0 && found.back() == '\0';
}

/// GNU hash table: bucket count, first hashed symbol, bloom words, shift; bloom filter; buckets; one hash per
/// symbol whose lowest bit ends the chain.
std::optional<ElfFile::Symbol> ElfFile::find_by_gnu_hash(std::string_view name) const {
  uint32_t hash = 5381;
  for (const char c : name)
    hash = hash * 33 + static_cast<unsigned char>(c);
  const auto buckets = at<uint32_t>(gnu_hash_);
  const auto first = at<uint32_t>(gnu_hash_ + 4);
  const auto bloom_words = at<uint32_t>(gnu_hash_ + 8);
  if (buckets == 0)
    return std::nullopt;
  const uint64_t bucket_table = gnu_hash_ + 16 + uint64_t{bloom_words} * word_size;
  const uint64_t chains = bucket_table + uint64_t{buckets} * 4;
  const auto start = at<uint32_t>(bucket_table + uint64_t{hash % buckets} * 4);
  if (start < first)
    return std::nullopt;
  for (uint64_t index = start;; ++index) { // `at` throws at the end of the file at the latest
    const auto chained = at<uint32_t>(chains + (index - first) * 4);
    if ((chained | 1) == (hash | 1)) {
      const Symbol symbol = symbol_at(index);
      if (symbol_is_named(symbol, name))
        return symbol;
    }
    if (chained & 1)
      return std::nullopt;
  }
}

/// The older System V table: bucket count, symbol count, buckets, chains. Lists every symbol, so a linear
/// search suffices.
std::optional<ElfFile::Symbol> ElfFile::find_by_hash(std::string_view name) const {
  const auto count = at<uint32_t>(hash_ + 4);
  for (uint64_t index = 1; index < count; ++index) {
    const Symbol symbol = symbol_at(index);
    if (symbol_is_named(symbol, name))
      return symbol;
  }
  return std::nullopt;
}

std::optional<uint64_t> ElfFile::data_symbol(std::string_view name) const {
  const auto symbol = gnu_hash_ ? find_by_gnu_hash(name) : find_by_hash(name);
  if (!symbol || symbol->section == SHN_UNDEF || ELF64_ST_BIND(symbol->info) == STB_LOCAL)
    return std::nullopt;
  if (ELF64_ST_TYPE(symbol->info) != STT_OBJECT)
    refuse("\"" + std::string(name) + "\" is not a data symbol; expected constant data.");
  return symbol->value;
}

} // namespace cuecard
