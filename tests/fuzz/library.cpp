// The manifest in the ELF file of a shared library, and what it asks of the dynamic loader.
#include <cuecard/error.hpp>

#include "manifest/elf.hpp"
#include "manifest/read_manifest.hpp"
#include "manifest/sidecar.hpp"
#include "parser.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  return fuzz::read_or_refuse([&] {
    ElfFile("fuzzed.so", {bytes, bytes + size}).linkage();
    const Manifest manifest = read_library("fuzzed.so", {bytes, bytes + size}, std::string(64, '0'));
    if (manifest.readable())
      sidecar_text(manifest);
  });
}
