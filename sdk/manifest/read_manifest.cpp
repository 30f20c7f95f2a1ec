#include "read_manifest.hpp"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include <cuecard/error.hpp>

#include "elf.hpp"
#include "file_bytes.hpp"
#include "memory.hpp"

namespace cuecard {

namespace {

constexpr uint32_t max_components = 64, max_options = 256, max_stride = 4096;
constexpr std::size_t max_text_size = 8192;
/// Size in the first state of contract 3.0: later fields are read if a plugin has them.
constexpr std::size_t first_option_size = offsetof(cuecard_option_v1, needs);
/// Limit of the total size of all texts in a manifest, with shared ones counted each time; equals the size limit of a sidecar.
constexpr std::size_t max_total_text = std::size_t{256} << 10;

class ProcessMemory : public Memory {
public:
  void read(uint64_t address, void* to, std::size_t size) const override {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses are data
    std::memcpy(to, reinterpret_cast<const void*>(address), size);
  }
  uint64_t pointer(uint64_t address) const override {
    uint64_t value;
    read(address, &value, sizeof value);
    return value;
  }
};

/// Reads the structs of plugin.h from any kind of memory. Fields are read one by one at their offsets, since a
/// pointer field in a file doesn't hold its target.
class Reader {
public:
  Reader(const Memory& memory, const std::string& file) : memory_(memory), file_(file) {}

  Manifest manifest(uint64_t at) const {
    check_magic(at);
    Manifest manifest;
    manifest.abi_major = field<uint32_t>(at + offsetof(cuecard_plugin_v1, abi_major));
    manifest.abi_minor = field<uint32_t>(at + offsetof(cuecard_plugin_v1, abi_minor));
    manifest.abi_kind = field<uint32_t>(at + offsetof(cuecard_plugin_v1, abi_kind));
    if (!manifest.readable())
      return manifest;
    check_size("cuecard_plugin", field<uint32_t>(at + offsetof(cuecard_plugin_v1, struct_size)),
               sizeof(cuecard_plugin_v1));
    build(at, manifest);
    manifest.id = text(at + offsetof(cuecard_plugin_v1, id), "id");
    manifest.version = text(at + offsetof(cuecard_plugin_v1, version), "version");
    manifest.license = text(at + offsetof(cuecard_plugin_v1, license), "license");
    manifest.compiler = text(at + offsetof(cuecard_plugin_v1, compiler), "compiler");
    manifest.homepage = text(at + offsetof(cuecard_plugin_v1, homepage), "homepage");
    const auto count = field<uint32_t>(at + offsetof(cuecard_plugin_v1, component_count));
    const auto stride = field<uint32_t>(at + offsetof(cuecard_plugin_v1, component_size));
    check_count("components", count, max_components);
    check_size("component", stride, sizeof(cuecard_component_v1));
    const uint64_t components = array(at + offsetof(cuecard_plugin_v1, components), count, "components");
    for (uint32_t i = 0; i < count; ++i)
      manifest.components.push_back(component(components + uint64_t{i} * stride));
    check(manifest, file_);
    return manifest;
  }

private:
  [[noreturn]] void refuse(const std::string& what) const { throw DataError(file_ + ": " + what); }

  template <class T>
  T field(uint64_t address) const {
    T value;
    memory_.read(address, &value, sizeof value);
    return value;
  }

  void check_magic(uint64_t at) const {
    if (field<uint64_t>(at) != CUECARD_PLUGIN_MAGIC)
      refuse("its symbol \"cuecard_plugin\" doesn't start with Cuecard's magic number; it is not a Cuecard "
             "plugin, or "
             "damaged.");
  }

  void check_size(const char* what, uint32_t found, std::size_t expected) const {
    if (found < expected || found > max_stride)
      refuse(std::string("the size of its ") + what + " struct is " + std::to_string(found) +
             "; expected at least " + std::to_string(expected) + ". Rebuild it with cuecard_add_plugin().");
  }

  void check_count(const char* what, uint32_t found, uint32_t most) const {
    if (found > most)
      refuse("it declares " + std::to_string(found) + " " + what + "; at most " + std::to_string(most) +
             " are allowed.");
  }

  void build(uint64_t at, Manifest& manifest) const {
    const auto abi = field<uint64_t>(at + offsetof(cuecard_plugin_v1, torch_abi));
    manifest.torch_major = field<uint32_t>(at + offsetof(cuecard_plugin_v1, torch_major));
    manifest.torch_minor = field<uint32_t>(at + offsetof(cuecard_plugin_v1, torch_minor));
    manifest.torch_patch = field<uint32_t>(at + offsetof(cuecard_plugin_v1, torch_patch));
    if ((abi >> 56) != manifest.torch_major || (abi >> 48 & 0xff) != manifest.torch_minor)
      refuse("it declares two LibTorch versions, " + std::to_string(abi >> 56) + "." +
             std::to_string(abi >> 48 & 0xff) + " and " + std::to_string(manifest.torch_major) + "." +
             std::to_string(manifest.torch_minor) + ". Rebuild it with cuecard_add_plugin().");
    manifest.cxx_std = field<uint32_t>(at + offsetof(cuecard_plugin_v1, cxx_std));
    manifest.stdlib = field<uint32_t>(at + offsetof(cuecard_plugin_v1, stdlib));
    manifest.abi_flags = field<uint32_t>(at + offsetof(cuecard_plugin_v1, abi_flags));
  }

  std::string text(uint64_t at, const char* what) const {
    const uint64_t address = memory_.pointer(at);
    if (address == 0)
      refuse(std::string("the text \"") + what + "\" of its manifest is a null pointer.");
    std::string value;
    for (char c; (c = field<char>(address + value.size())) != '\0'; value.push_back(c))
      if (value.size() >= max_text_size)
        refuse(std::string("the text \"") + what + "\" of its manifest is longer than " +
               std::to_string(max_text_size) + " bytes.");
    read_text_ += value.size();
    if (read_text_ > max_total_text)
      refuse("the texts of its manifest have more than " + std::to_string(max_total_text) +
             " bytes in total; the file is damaged.");
    return value;
  }

  /// "llama|mistral" -> llama, mistral.
  std::vector<std::string> list(uint64_t at, const char* what) const {
    const std::string joined = text(at, what);
    std::vector<std::string> parts;
    if (joined.empty())
      return parts;
    std::size_t begin = 0;
    for (std::size_t end; (end = joined.find('|', begin)) != std::string::npos; begin = end + 1)
      parts.push_back(joined.substr(begin, end - begin));
    parts.push_back(joined.substr(begin));
    return parts;
  }

  uint64_t array(uint64_t at, uint32_t count, const char* what) const {
    if (count == 0)
      return 0;
    const uint64_t address = memory_.pointer(at);
    if (address == 0)
      refuse(std::string("the list of ") + what + " in its manifest is a null pointer.");
    return address;
  }

  ComponentInfo component(uint64_t at) const {
    ComponentInfo info;
    info.kind = field<uint32_t>(at + offsetof(cuecard_component_v1, kind));
    info.kind_version = field<uint32_t>(at + offsetof(cuecard_component_v1, kind_version));
    info.trains = field<uint32_t>(at + offsetof(cuecard_component_v1, trains));
    info.name = text(at + offsetof(cuecard_component_v1, name), "name");
    info.summary = text(at + offsetof(cuecard_component_v1, summary), "summary");
    info.model_types = list(at + offsetof(cuecard_component_v1, model_types), "model_types");
    info.adopts = list(at + offsetof(cuecard_component_v1, adopts), "adopts");
    if (memory_.pointer(at + offsetof(cuecard_component_v1, create)) == 0 ||
        memory_.pointer(at + offsetof(cuecard_component_v1, destroy)) == 0)
      refuse("its component \"" + info.name + "\" has no create or no destroy function.");
    if (info.kind == CUECARD_BACKBONE && memory_.pointer(at + offsetof(cuecard_component_v1, describe)) == 0)
      refuse("its backbone \"" + info.name + "\" has no describe function.");
    const auto count = field<uint32_t>(at + offsetof(cuecard_component_v1, option_count));
    check_count("options", count, max_options);
    if (count == 0)
      return info;
    const auto stride = field<uint32_t>(at + offsetof(cuecard_component_v1, option_size));
    check_size("option", stride, first_option_size);
    const uint64_t options = array(at + offsetof(cuecard_component_v1, options), count, "options");
    for (uint32_t i = 0; i < count; ++i)
      info.options.push_back(option(options + uint64_t{i} * stride, stride));
    return info;
  }

  OptionInfo option(uint64_t at, uint32_t size) const {
    OptionInfo info;
    info.name = text(at + offsetof(cuecard_option_v1, name), "name");
    info.type = field<uint32_t>(at + offsetof(cuecard_option_v1, type));
    info.role = field<uint32_t>(at + offsetof(cuecard_option_v1, role));
    info.value = text(at + offsetof(cuecard_option_v1, value), "value");
    info.choices = list(at + offsetof(cuecard_option_v1, choices), "choices");
    info.help = text(at + offsetof(cuecard_option_v1, help), "help");
    info.source = text(at + offsetof(cuecard_option_v1, source), "source");
    if (size >= offsetof(cuecard_option_v1, needs) + sizeof(cuecard_option_v1::needs))
      info.needs = text(at + offsetof(cuecard_option_v1, needs), "needs");
    const auto minimum = field<double>(at + offsetof(cuecard_option_v1, minimum));
    const auto maximum = field<double>(at + offsetof(cuecard_option_v1, maximum));
    if (std::isnan(minimum) || std::isnan(maximum))
      refuse("the range of its option \"" + info.name + "\" is not a number.");
    if (minimum != 0 || maximum != 0) { // both 0: no range
      if (std::isfinite(minimum))
        info.minimum = minimum;
      if (std::isfinite(maximum))
        info.maximum = maximum;
    }
    return info;
  }

  const Memory& memory_;
  const std::string& file_;
  mutable std::size_t read_text_ = 0;
};

} // namespace

Manifest read_library(const std::filesystem::path& file) {
  std::vector<unsigned char> bytes = file_bytes(file, max_library_size);
  std::string digest = sha256(bytes);
  return read_library(file, std::move(bytes), std::move(digest));
}

Manifest read_library(const std::filesystem::path& file, std::vector<unsigned char> bytes, std::string digest) {
  const std::string name = file.string();
  const uint64_t size = bytes.size();
  const ElfFile elf(name, std::move(bytes));
  const auto symbol = elf.data_symbol("cuecard_plugin");
  if (!symbol)
    throw DataError(name +
                    ": a shared library that exports no symbol \"cuecard_plugin\", so not a Cuecard plugin.");
  Manifest manifest = Reader(elf, name).manifest(*symbol);
  manifest.file = file.filename().string();
  manifest.size = size;
  manifest.sha256 = std::move(digest);
  manifest.platform = "linux-x86_64";
  return manifest;
}

Manifest read_symbol(const cuecard_plugin_v1& plugin, const std::string& file) {
  return Reader(ProcessMemory(), file).manifest(reinterpret_cast<uint64_t>(&plugin));
}

} // namespace cuecard
