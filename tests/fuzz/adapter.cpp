// A PEFT adapter's folder. An input is its adapter_config.json on one line, and behind it
// adapter_model.safetensors. A configuration that was read can be written, and says the same.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "memory_file.hpp"
#include "parser.hpp"
#include "peft/adapter.hpp"

using namespace cuecard;

namespace {

/// A folder whose two files are the current input's.
class Folder {
public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "fuzzed-adapter-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      throw std::runtime_error("there is no place for a folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code left_behind;
    std::filesystem::remove_all(path_, left_behind);
  }
  const std::filesystem::path& path() const { return path_; }

  void show(const char* name, const fuzz::MemoryFile& file) const {
    std::filesystem::remove(path_ / name);
    std::filesystem::create_symlink(file.path(), path_ / name);
  }

private:
  std::filesystem::path path_;
};

bool same_when_read(const std::string& config) {
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
  folder.show("adapter_config.json", config);
  folder.show("adapter_model.safetensors", tensors);
  return fuzz::read_or_refuse([&] {
    const peft::Adapter adapter = peft::read_adapter(folder.path());
    for (const auto& [name, tensor] : adapter.embeddings)
      tensor.clone();
    // What the file leaves open PEFT reads off the model, and only a whole configuration can be written.
    if (!adapter.config.layers || !adapter.config.heads || !adapter.config.width)
      return;
    const std::string text = peft::adapter_config_text(adapter.config);
    fuzz::require(same_when_read(text), "a configuration changes on its way through text");
  });
}
