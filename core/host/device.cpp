#include "host/device.hpp"

#include <ATen/Parallel.h>

#include "engine/device.hpp"
#include "machine/processors.hpp"

namespace cuecard::host {

at::Device open_device(const Values& values) {
  return cuecard::open_device(values.given("device") ? values.text("device") : "cpu");
}

at::ScalarType dtype_of(const Values& values) {
  return values.given("dtype") ? dtype_named(values.text("dtype")) : at::kFloat;
}

void set_threads(const Values& values) {
  const int64_t threads =
      values.given("threads") ? values.integer("threads") : chosen_threads(usable_processors()).count;
  at::set_num_threads(static_cast<int>(threads));
}

} // namespace cuecard::host
