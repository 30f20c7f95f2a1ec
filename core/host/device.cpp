#include "host/device.hpp"

#include <ATen/Parallel.h>

#include "engine/device.hpp"
#include "machine/processors.hpp"

namespace cuecard::host {

at::Device open_device(const Values& values) {
  return cuecard::open_device(values.given("device") ? values.text("device") : "cpu");
}

NumberFormat format_of(const Values& values) {
  return values.given("dtype") ? format_named(values.text("dtype")) : NumberFormat{};
}

int threads_of(const Values& values) {
  return static_cast<int>(values.given("threads") ? values.integer("threads")
                                                  : chosen_threads(usable_processors()).count);
}

void set_threads(const Values& values) {
  at::set_num_threads(threads_of(values));
}

} // namespace cuecard::host
