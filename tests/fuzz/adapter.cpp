// A PEFT adapter folder. An input is adapter_config.json on one line, followed by adapter_model.safetensors. A
// configuration that was read must survive a round trip.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "memory_file.hpp"
#include "parser.hpp"
#include "peft/adapter.hpp"

using namespace cuecard;

namespace {

/// A folder whose two files are links to the current input's.
class Folder {
public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "fuzzed-adapter-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      throw std::runtime_error("can't create a temporary folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::filesystem::path& path() const { return path_; }

  void link(const char* name, const fuzz::MemoryFile& file) const {
    std::filesystem::remove(path_ / name);
    std::filesystem::create_symlink(file.path(), path_ / name);
  }

private:
  std::filesystem::path path_;
};

bool round_trips(const std::string& config) {
  try {
    return peft::adapter_config_text(peft::parse_adapter_config(config, "again")) == config;
  } catch (const Error&) {
    return false;
  }
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  static const Folder folder;
  const uint8_t* end = std::find(bytes, bytes + size, '\n');
  const auto length = static_cast<std::size_t>(end - bytes), rest = std::min(size, length + 1);
  const fuzz::MemoryFile config(bytes, length), tensors(bytes + rest, size - rest);
  folder.link("adapter_config.json", config);
  folder.link("adapter_model.safetensors", tensors);
  return fuzz::read_or_refuse([&] {
    const peft::Adapter adapter = peft::read_adapter(folder.path());
    for (const auto& [name, tensor] : adapter.embeddings)
      tensor.clone();
    // PEFT takes missing sizes from the model; only a complete configuration can be written.
    if (!adapter.config.layers || !adapter.config.heads || !adapter.config.width)
      return;
    const std::string text = peft::adapter_config_text(adapter.config);
    fuzz::require(round_trips(text), "a configuration doesn't survive a round trip");
  });
}
