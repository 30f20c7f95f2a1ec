// An archive of a plugin: what is unpacked are the listed files with their listed sizes, in the folder and nowhere else.
#include "files/temporary_folder.hpp"
#include "memory_file.hpp"
#include "parser.hpp"
#include "shipping/archive/archive.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  const fuzz::MemoryFile file(bytes, size);
  const TemporaryFolder folder("fuzz");
  return fuzz::read_or_refuse([&] {
    shipping::unpack_archive(file.path(), folder.path());
    const registry::SignedContents found = registry::read_signed_contents(folder.path(), "fuzzed");
    std::size_t files = 1 + (found.signature ? 1 : 0);
    for (const registry::PackedFile& listed : found.contents.files) {
      fuzz::require(std::filesystem::file_size(folder.path() / listed.name) == listed.size,
                    "a file has another size");
      ++files;
    }
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
      fuzz::require(entry.is_regular_file() && files-- > 0, "there is more than what is listed");
    fuzz::require(registry::read_contents(
                      [&] {
                        const std::string text = registry::contents_text(found.contents);
                        return std::vector<unsigned char>(text.begin(), text.end());
                      }(),
                      "again") == found.contents,
                  "contents don't survive a round trip");
  });
}
