#include "program/engine_library.hpp"

#include <filesystem>
#include <string>
#include <system_error>

#include <dlfcn.h>

#include <cuecard/error.hpp>

namespace cuecard::host {

int run_in_engine(const CuecardCall& call) {
  std::error_code unreadable;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", unreadable);
  const auto library = (program.parent_path() / "../lib/libcuecard.so").lexically_normal();
  void* const opened = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!opened) {
    const char* reason = ::dlerror();
    throw Error(library.string() + ": can't load the engine (" + (reason ? reason : "unknown error") +
                "). Reinstall cuecard and LibTorch.");
  }
  const auto run = reinterpret_cast<RunFunction*>(::dlsym(opened, "cuecard_run"));
  if (!run)
    throw Error(library.string() +
                ": not the engine of this program (no symbol cuecard_run). Reinstall cuecard.");
  return run(&call); // never closed: plugins and LibTorch stay loaded until the process ends
}

} // namespace cuecard::host
