#include "linkage.hpp"

#include <algorithm>
#include <elf.h>

#include "elf.hpp"
#include "file_bytes.hpp"
#include "read_manifest.hpp"

namespace cuecard {

namespace {

constexpr std::size_t max_name_size = 4096; ///< bytes; of mangled names, too
constexpr std::size_t max_exported = 1000;

} // namespace

Linkage read_linkage(const std::filesystem::path& library) {
  return ElfFile(library.string(), file_bytes(library, max_library_size)).linkage();
}

Linkage ElfFile::linkage() const {
  return {executable_stack_, text_relocations_, texts(needed_), texts(run_paths_), exported()};
}

std::string ElfFile::text(uint64_t name) const {
  if (name >= strings_size_)
    refuse("a name is outside its string table; the file is damaged.");
  std::string found(std::min<uint64_t>(strings_size_ - name, max_name_size), '\0');
  read(strings_ + name, found.data(), found.size());
  const std::size_t end = found.find('\0');
  if (end == std::string::npos)
    refuse("a name in its string table has no end; the file is damaged.");
  found.resize(end);
  return found;
}

std::vector<std::string> ElfFile::texts(const std::vector<uint64_t>& names) const {
  std::vector<std::string> found;
  found.reserve(names.size());
  for (const uint64_t name : names)
    found.push_back(text(name));
  return found;
}

std::vector<std::string> ElfFile::exported() const {
  uint64_t end;
  if (gnu_hash_) {
    end = symbols_end_by_gnu_hash();
  } else { // the older table begins with its numbers of buckets and of symbols
    uint32_t count;
    read(hash_ + sizeof count, &count, sizeof count);
    end = count;
  }
  std::vector<std::string> names;
  for (uint64_t index = 1; index < end && names.size() < max_exported; ++index) { // 0 is no symbol
    const Symbol symbol = symbol_at(index);
    const auto visibility = ELF64_ST_VISIBILITY(symbol.other);
    if (symbol.section != SHN_UNDEF && ELF64_ST_BIND(symbol.info) != STB_LOCAL &&
        (visibility == STV_DEFAULT || visibility == STV_PROTECTED))
      names.push_back(text(symbol.name));
  }
  return names;
}

/// The table does not say how many symbols there are: the chain that begins last ends with the last symbol.
uint64_t ElfFile::symbols_end_by_gnu_hash() const {
  uint32_t header[4]; // bucket count, first hashed symbol, bloom words, shift
  read(gnu_hash_, header, sizeof header);
  const auto [buckets, first, bloom_words, shift] = header;
  // Segments may map the same bytes at many addresses, so addresses alone don't bound a table.
  if (buckets > bytes_.size() / sizeof(uint32_t))
    refuse("its table of symbols is larger than the file; the file is damaged.");
  const uint64_t bucket_table = gnu_hash_ + sizeof header + uint64_t{bloom_words} * sizeof(uint64_t);
  uint64_t last = 0;
  for (uint64_t bucket = 0; bucket < buckets; ++bucket) {
    uint32_t begin;
    read(bucket_table + bucket * sizeof begin, &begin, sizeof begin);
    last = std::max<uint64_t>(last, begin);
  }
  if (last < first) // all buckets are empty
    return first;
  const uint64_t chains = bucket_table + uint64_t{buckets} * sizeof(uint32_t);
  for (;; ++last) {
    if (last > bytes_.size() / sizeof(Elf64_Sym))
      refuse("it refers to a symbol beyond its symbol table.");
    uint32_t chained;
    read(chains + (last - first) * sizeof chained, &chained, sizeof chained);
    if (chained & 1)
      return last + 1;
  }
}

} // namespace cuecard
