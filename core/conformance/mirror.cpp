#include "conformance/mirror.hpp"

#include <dlfcn.h>

#include "conformance/case.hpp"
#include "registry/guard.hpp"

namespace cuecard::conformance {

MirrorDevice::MirrorDevice() {
  // Not linked: opening it registers a device, which no other case should have. Never closed, like every library that
  // registers something.
  void* const library = ::dlopen("libcuecard-mirror.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = ::dlerror();
    throw NotApplicable("libcuecard-mirror.so of the SDK can't be opened: " +
                        registry::sentence_of(reason ? reason : "unknown error") + ".");
  }
  watch_ = reinterpret_cast<bool (*)(bool)>(::dlsym(library, "cuecard_mirror_watch"));
  if (!watch_)
    throw NotApplicable("libcuecard-mirror.so is of another version.");
}

} // namespace cuecard::conformance
