// A plugin's sidecar, which must survive a round trip.
#include "manifest/sidecar.hpp"
#include "parser.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  return fuzz::read_or_refuse([&] {
    const Manifest manifest = read_sidecar(std::span(bytes, size), "fuzzed");
    if (!manifest.readable())
      return;
    const std::string text = sidecar_text(manifest);
    const std::span again(reinterpret_cast<const unsigned char*>(text.data()), text.size());
    fuzz::require(difference(manifest, "there", read_sidecar(again, "again"), "here").empty(),
                  "a sidecar doesn't survive a round trip");
  });
}
