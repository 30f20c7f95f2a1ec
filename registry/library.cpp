#include "library.hpp"

#include <dlfcn.h>
#include <exception>
#include <map>
#include <mutex>
#include <optional>

#include <boost/dll/shared_library.hpp>

#include <cuecard/error.hpp>
#include <cuecard/register.hpp>

#include "manifest/file_bytes.hpp"
#include "manifest/read_manifest.hpp"
#include "manifest/sidecar.hpp"
#include "opening_watch.hpp"

namespace cuecard::registry {

namespace fs = std::filesystem;

struct Library::Handle {
  boost::dll::shared_library library;
  const cuecard_plugin_v1* plugin = nullptr;
  Manifest manifest;
};

namespace {

/// Reads the manifest from the file and checks it against the sidecar and this host before anything is mapped.
Manifest read_checked(const fs::path& file, const Manifest* sidecar) {
  const std::string name = file.string();
  std::vector<unsigned char> bytes = file_bytes(file, max_library_size);
  std::string digest = sha256(bytes);
  if (sidecar && digest != sidecar->sha256)
    throw DataError(name + ": SHA-256 starts with " + digest.substr(0, 12) + ", but its sidecar says " +
                    sidecar->sha256.substr(0, 12) +
                    "; the file is not the one that was installed. Reinstall the plugin.");
  Manifest manifest = read_library(file, std::move(bytes), std::move(digest));
  const Verdict verdict = judge(manifest, name);
  if (!verdict.fits())
    throw DataError(verdict.mismatches.front());
  const std::string drift = sidecar ? difference(manifest, "in the library", *sidecar, "in its sidecar") : "";
  if (!drift.empty())
    throw DataError(name + ": " + drift + ". Regenerate the sidecar with `cuecard-manifest`.");
  return manifest;
}

/// Opens `file` as `library`; returns the dynamic loader's message if it can't. An exception of a static initialiser must not leave the
/// dynamic loader, which would never release its lock: the process ends, and OpeningWatch names the plugin.
std::string open_now(const fs::path& file, boost::dll::shared_library& library) {
  boost::dll::fs::error_code error;
  try {
    library.load(file, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local, error);
  } catch (...) { // not `noexcept`: g++ 12 would terminate without a current exception
    std::terminate();
  }
  if (!error)
    return "";
  const char* const message = ::dlerror();
  return message ? message : error.message();
}

/// Compares the LibTorch loaded in this process, if any, with the headers of this build.
void check_libtorch() {
  using Version = uint64_t (*)();
  // By name first: it may have been loaded with RTLD_LOCAL, outside the global scope.
  void* const loaded = ::dlopen("libtorch_cpu.so", RTLD_NOLOAD | RTLD_LAZY | RTLD_LOCAL);
  const auto version =
      reinterpret_cast<Version>(::dlsym(loaded ? loaded : RTLD_DEFAULT, "aoti_torch_abi_version"));
  const uint64_t found = version ? version() : TORCH_ABI_VERSION;
  if (loaded)
    ::dlclose(loaded);
  if ((found >> 48) != (TORCH_ABI_VERSION >> 48))
    throw DataError("the loaded LibTorch is " + std::to_string(found >> 56) + "." +
                    std::to_string(found >> 48 & 0xff) + "; this program was built for " +
                    std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) +
                    ". Install that version, or rebuild.");
}

} // namespace

Plugin verified(const Plugin& plugin) {
  Plugin result = plugin;
  if (result.usable()) {
    try {
      read_checked(result.library, &result.manifest);
    } catch (const DataError& error) {
      result.refusal = error.what();
    }
  }
  return result;
}

std::unique_ptr<Library::Handle> Library::load_checked(const fs::path& file, const Manifest* sidecar,
                                                       bool watch) {
  Manifest expected = read_checked(file, sidecar);
  auto handle = std::make_unique<Handle>();
  {
    std::optional<OpeningWatch> watching;
    if (watch)
      watching.emplace(file.string());
    if (const std::string message = open_now(file, handle->library); !message.empty())
      throw DataError(file.string() + ": can't be loaded (" + message + ").");
  }
  handle->plugin = &handle->library.get<const cuecard_plugin_v1>("cuecard_plugin");
  handle->manifest = read_symbol(*handle->plugin, file.string());
  const std::string drift = difference(handle->manifest, "once loaded", expected, "in the file");
  if (!drift.empty())
    throw DataError(file.string() + ": " + drift + "; it changed itself while loading, so it can't be used.");
  check_libtorch();
  return handle;
}

std::shared_ptr<const Library> Library::open(const Plugin& plugin) {
  static std::mutex mutex;
  // Never destroyed, see the header.
  static auto& opened = *new std::map<fs::path, std::shared_ptr<const Library>>;
  const std::lock_guard lock(mutex);
  std::shared_ptr<const Library>& known = opened[plugin.library];
  if (!known) {
    if (plugin.manifest.sha256.empty()) // its sidecar is missing or can't be read
      throw PluginError(plugin.refusal);
    const fs::path folder = plugin.library.parent_path();
    const bool own = folder.filename() == plugin.library.stem(); // a folder of its own, which could be renamed
    for (const fs::path& each : {own ? folder.parent_path() : folder, folder, plugin.library})
      if (const std::string reason = writable_by_others(each); !reason.empty())
        throw PluginError(each.string() + " " + reason + "; run `chmod go-w` on it.");
    try {
      known.reset(new Library(load_checked(plugin.library, &plugin.manifest, true)));
    } catch (const DataError& error) {
      throw PluginError(error.what());
    }
  }
  return known;
}

Manifest Library::load_for_probe(const fs::path& file, const Manifest* sidecar) {
  try {
    return Library(load_checked(file, sidecar, false)).handle_->manifest;
  } catch (const DataError& error) {
    throw PluginError(error.what());
  }
}

const cuecard_component_v1& Library::component(std::size_t index) const {
  const auto* first = reinterpret_cast<const char*>(handle_->plugin->components);
  return *reinterpret_cast<const cuecard_component_v1*>(first + index * handle_->plugin->component_size);
}

Library::Library(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Library::~Library() = default;

} // namespace cuecard::registry
