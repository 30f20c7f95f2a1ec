#include "host/device.hpp"

#include <dlfcn.h>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <cuecard/error.hpp>

#include "program/failure.hpp"

namespace cuecard::host {

namespace {

void open_cuda() {
  if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_LOCAL))
    return;
  const char* reason = ::dlerror();
  throw UsageError("--device cuda: LibTorch's CUDA part could not be loaded (" +
                   one_line(reason ? reason : "no reason given") +
                   "); install it with `./run setup --cuda`, or use --device cpu.");
}

} // namespace

at::Device open_device(const Values& values) {
  const std::string name = values.given("device") ? values.text("device") : "cpu";
  if (!name.starts_with("cuda"))
    return at::kCPU;
  open_cuda();
  const int64_t count = at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (count <= 0)
    throw UsageError("--device " + name +
                     ": this machine has no GPU that LibTorch can use, or lacks its driver; use --device cpu.");
  const int64_t index = name.size() > 5 ? std::stoll(name.substr(5)) : 0;
  if (index >= count)
    throw UsageError("--device " + name + ": there are " + std::to_string(count) +
                     " GPUs, numbered from 0; choose one of them.");
  return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
}

at::ScalarType dtype_of(const Values& values) {
  const std::string name = values.text("dtype");
  return name == "bfloat16" ? at::kBFloat16 : name == "float16" ? at::kHalf : at::kFloat;
}

void set_threads(const Values& values) {
  if (values.given("threads"))
    at::set_num_threads(static_cast<int>(values.integer("threads")));
}

} // namespace cuecard::host
