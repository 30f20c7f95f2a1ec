#include "program/engine_library.hpp"

#include <filesystem>
#include <string>
#include <system_error>

#include <dlfcn.h>

#include <cuecard/error.hpp>

namespace cuecard::host {

namespace {

/// Never closed: plugins and LibTorch stay loaded until the process ends.
int run_in_library(const char* name, const char* function, const char* advice, const CuecardCall& call) {
  std::error_code unreadable;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", unreadable);
  const auto library = (program.parent_path() / "../lib" / name).lexically_normal();
  void* const opened = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!opened) {
    const char* reason = ::dlerror();
    throw Error(library.string() + ": can't be loaded (" + (reason ? reason : "unknown error") + "). " +
                advice);
  }
  const auto run = reinterpret_cast<RunFunction*>(::dlsym(opened, function));
  if (!run)
    throw Error(library.string() + ": not a library of this program (no symbol " + function +
                "). Reinstall cuecard.");
  return run(&call);
}

} // namespace

int run_in_engine(const CuecardCall& call) {
  return run_in_library("libcuecard.so", "cuecard_run", "Reinstall cuecard and LibTorch.", call);
}

int run_in_shipping(const CuecardCall& call) {
  return run_in_library("libcuecard-shipping.so", "cuecard_ship", "Reinstall cuecard and libarchive.", call);
}

} // namespace cuecard::host
