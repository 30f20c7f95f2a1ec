// The manifest in a shared library, read from its ELF file.
#include <cuecard/error.hpp>

#include "parser.hpp"
#include "tool/read_manifest.hpp"
#include "tool/sidecar.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  return fuzz::read_or_refuse([&] {
    const Manifest manifest = read_library("fuzzed.so", {bytes, bytes + size}, std::string(64, '0'));
    if (manifest.readable())
      sidecar_text(manifest);
  });
}
