#include <string>

#include <dlfcn.h>

#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <cuecard/error.hpp>

#include "host/device.hpp"
#include "host/loading.hpp"
#include "host/output/json_line.hpp"
#include "host/speed_check.hpp"
#include "host/verbs/verbs.hpp"
#include "registry/library.hpp"

extern "C" uint64_t aoti_torch_abi_version(); // LibTorch's version, a byte each from the top

namespace cuecard::host {

namespace {

std::string libtorch_version() {
  const uint64_t version = aoti_torch_abi_version();
  std::string text;
  for (const int shift : {56, 48, 40})
    text += (text.empty() ? "" : ".") + std::to_string(version >> shift & 0xff);
  return text;
}

} // namespace

/// Prints an object for each step that was done, so that what came before a crash is known.
int doctor_child(const Values& values) {
  set_threads(values);
  Dl_info where{};
  ::dladdr(reinterpret_cast<void*>(&at::get_cpu_capability), &where);
  print_line({{"libtorch",
               {{"version", libtorch_version()},
                {"path", where.dli_fname ? where.dli_fname : ""},
                {"instructions", at::get_cpu_capability()},
                {"threads", at::get_num_threads()}}}});
  std::cout.flush();
  const registry::Registry plugins =
      registry::Registry::scan(registry::SearchPath::standard(values.texts("plugin-path")));
  for (const auto& plugin : plugins.plugins()) {
    if (!plugin->usable())
      continue;
    std::string reason;
    try {
      registry::Library::open(*plugin);
    } catch (const Error& error) {
      reason = error.what();
    }
    print_line({{"plugin", plugin->library.string()}, {"reason", reason}});
    std::cout.flush();
  }
  const Speed speed = measured_speed();
  print_line({{"speed", {{"product", speed.product}, {"limit", speed.limit}}}});
  return 0;
}

} // namespace cuecard::host
