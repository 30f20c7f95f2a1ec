#include "host/device.hpp"

#include <ATen/Parallel.h>

#include "engine/device.hpp"

namespace cuecard::host {

at::Device open_device(const Values& values) {
  return cuecard::open_device(values.given("device") ? values.text("device") : "cpu");
}

at::ScalarType dtype_of(const Values& values) {
  return values.given("dtype") ? dtype_named(values.text("dtype")) : at::kFloat;
}

void set_threads(const Values& values) {
  if (values.given("threads"))
    at::set_num_threads(static_cast<int>(values.integer("threads")));
}

} // namespace cuecard::host
