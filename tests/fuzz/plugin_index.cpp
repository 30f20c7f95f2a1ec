// An index of plugins: archives lie beside it, and the newest version that is chosen is one that it lists.
#include "shipping/index/plugin_index.hpp"
#include "parser.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  return fuzz::read_or_refuse([&] {
    const shipping::PluginIndex index = shipping::read_index(std::span(bytes, size), "fuzzed");
    for (const shipping::IndexEntry& entry : index.entries) {
      fuzz::require(entry.archive.find('/') == std::string::npos, "an archive lies elsewhere");
      const shipping::IndexEntry* const newest = index.newest(entry.manifest.id, false);
      fuzz::require(newest && newest->manifest.id == entry.manifest.id, "a plugin has no newest version");
      const shipping::IndexEntry* const fitting = index.newest(entry.manifest.id, true);
      fuzz::require(!fitting || fitting->mismatch().empty(), "a version that doesn't fit was chosen");
    }
  });
}
