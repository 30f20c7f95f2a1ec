#include "linkage.hpp"

#include <cstring>
#include <elf.h>
#include <optional>

#include <doctest/doctest.h>

#include <cuecard/error.hpp>

#include "elf.hpp"

using namespace cuecard;

namespace {

/// A shared library of one segment, without code: headers, a symbol table, its hash table, names, a dynamic section.
struct Library {
  struct Exported {
    std::string name;
    unsigned char info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), other = STV_DEFAULT;
    uint16_t section = SHN_ABS;
  };
  std::vector<std::string> needed, run_paths;
  std::vector<Exported> symbols{{"cuecard_plugin"}};
  std::vector<Elf64_Dyn> more;                 ///< of the dynamic section
  std::optional<uint32_t> stack = PF_R | PF_W; ///< of the header that speaks of the stack
  bool gnu_hash = true;
  uint32_t buckets = 1;     ///< that the hash table says it has
  uint32_t begin = 1;       ///< the first symbol in its bucket
  uint64_t name_offset = 0; ///< added to the names of needed libraries

  std::vector<unsigned char> bytes() const {
    std::vector<unsigned char> file(sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr));
    std::string names(1, '\0');
    const auto name = [&names](const std::string& text) {
      names += text + '\0';
      return names.size() - text.size() - 1;
    };
    std::vector<Elf64_Sym> table(1);
    for (const Exported& each : symbols)
      table.push_back({static_cast<uint32_t>(name(each.name)), each.info, each.other, each.section, 0, 0});
    std::vector<Elf64_Dyn> dynamic = more;
    for (const std::string& each : needed)
      dynamic.push_back({DT_NEEDED, {name(each) + name_offset}});
    for (const std::string& each : run_paths)
      dynamic.push_back({DT_RUNPATH, {name(each)}});

    const auto append = [&file](const auto& values) {
      const std::size_t at = (file.size() + 7) / 8 * 8;
      const std::size_t size = values.size() * sizeof values[0];
      file.resize(at + size);
      std::memcpy(file.data() + at, values.data(), size);
      return at;
    };
    dynamic.push_back({DT_SYMTAB, {append(table)}});
    dynamic.push_back({DT_STRTAB, {append(names)}});
    dynamic.push_back({DT_STRSZ, {names.size()}});
    if (gnu_hash) {
      // Buckets, first hashed symbol, bloom words, shift; one bloom word; one bucket; hashes, of which the last ends the chain.
      std::vector<uint32_t> hash{buckets, 1, 1, 0, 0, 0, symbols.empty() ? 0u : begin};
      for (std::size_t i = 0; i < symbols.size(); ++i)
        hash.push_back(i + 1 == symbols.size() ? 1 : 0);
      dynamic.push_back({DT_GNU_HASH, {append(hash)}});
    } else {
      dynamic.push_back({DT_HASH, {append(std::vector<uint32_t>{1, static_cast<uint32_t>(table.size()), 0})}});
    }
    dynamic.push_back({DT_NULL, {0}});
    const uint64_t at = append(dynamic), size = dynamic.size() * sizeof dynamic[0];

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = stack ? 3 : 2;
    const Elf64_Phdr programs[] = {{PT_LOAD, PF_R, 0, 0, 0, file.size(), file.size(), 4096},
                                   {PT_DYNAMIC, PF_R, at, at, at, size, size, 8},
                                   {PT_GNU_STACK, stack.value_or(0), 0, 0, 0, 0, 0, 16}};
    std::memcpy(file.data(), &header, sizeof header);
    std::memcpy(file.data() + sizeof header, programs, sizeof programs);
    return file;
  }
  Linkage linkage() const { return ElfFile("sample.so", bytes()).linkage(); }
};

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("what a library asks of the loader is read") {
  Library library;
  library.needed = {"libc10.so", "libz.so.1"};
  library.run_paths = {"$ORIGIN:/opt/lib"};
  library.symbols.push_back({"another"});
  library.symbols.push_back({"hidden", ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), STV_HIDDEN});
  library.symbols.push_back({"weak", ELF64_ST_INFO(STB_WEAK, STT_FUNC)});
  library.symbols.push_back({"wanted", ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), STV_DEFAULT, SHN_UNDEF});
  library.symbols.push_back({"local", ELF64_ST_INFO(STB_LOCAL, STT_FUNC)});
  for (const bool gnu_hash : {true, false}) {
    library.gnu_hash = gnu_hash;
    const Linkage linkage = library.linkage();
    CHECK(linkage.needed == Names{"libc10.so", "libz.so.1"});
    CHECK(linkage.run_paths == Names{"$ORIGIN:/opt/lib"});
    CHECK(linkage.exported == Names{"cuecard_plugin", "another", "weak"});
    CHECK_FALSE(linkage.executable_stack);
    CHECK_FALSE(linkage.text_relocations);
  }
  library.symbols.clear();
  library.gnu_hash = true;
  CHECK(library.linkage().exported.empty());
}

TEST_CASE("an executable stack is one that is requested, or that no header mentions") {
  Library library;
  library.stack = PF_R | PF_W | PF_X;
  CHECK(library.linkage().executable_stack);
  library.stack.reset();
  CHECK(library.linkage().executable_stack);
}

TEST_CASE("relocations in code are declared by an entry or by a flag") {
  Library library;
  library.more = {{DT_TEXTREL, {0}}};
  CHECK(library.linkage().text_relocations);
  library.more = {{DT_FLAGS, {DF_TEXTREL | DF_BIND_NOW}}};
  CHECK(library.linkage().text_relocations);
  library.more = {{DT_FLAGS, {DF_BIND_NOW}}};
  CHECK_FALSE(library.linkage().text_relocations);
}

TEST_CASE("lengths that are wrong are refused") {
  Library library;
  library.needed = {"libc10.so"};
  SUBCASE("a name outside the string table") {
    library.name_offset = 1000;
  }
  SUBCASE("a name whose offset wraps around") {
    library.name_offset = ~uint64_t{0} - 1000;
  }
  SUBCASE("a name without an end") {
    library.needed = {std::string(5000, 'x')};
  }
  SUBCASE("more buckets than the file has bytes") {
    library.buckets = ~uint32_t{0};
  }
  SUBCASE("a symbol beyond the table") {
    library.begin = 1'000'000;
  }
  SUBCASE("too many names") {
    library.needed = Names(1001, "x");
  }
  CHECK_THROWS_AS(library.linkage(), DataError);
}

TEST_CASE("a file that is cut or changed anywhere is read or refused") {
  Library library;
  library.needed = {"libc10.so"};
  library.run_paths = {"$ORIGIN"};
  const auto read = [](std::vector<unsigned char> bytes) {
    try {
      ElfFile("sample.so", std::move(bytes)).linkage();
      return true;
    } catch (const DataError&) {
      return false;
    }
  };
  for (const bool gnu_hash : {true, false}) {
    library.gnu_hash = gnu_hash;
    const std::vector<unsigned char> whole = library.bytes();
    CHECK(read(whole));
    for (std::size_t size = 0; size < whole.size(); ++size)
      CHECK_FALSE(read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}));
    for (std::size_t at = 0; at < whole.size(); ++at)
      for (const unsigned char value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
        std::vector<unsigned char> changed = whole;
        changed[at] = value;
        read(std::move(changed));
      }
  }
}
