#include "engine/device.hpp"

#include <dlfcn.h>

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <cuecard/error.hpp>

#include "registry/guard.hpp"

namespace cuecard {

namespace {

void open_cuda() {
  if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_LOCAL))
    return;
  const char* reason = ::dlerror();
  throw UsageError(
      "the device cuda needs LibTorch's CUDA part, which could not be loaded (" +
      registry::sentence_of(reason ? reason : "no reason given") +
      "); install a LibTorch built for CUDA (in the source tree: `./run setup --cuda`), or use the device cpu.");
}

} // namespace

at::Device open_device(const std::string& name) {
  if (name == "cpu")
    return at::kCPU;
  const std::string number = name.starts_with("cuda:") ? name.substr(5) : name == "cuda" ? "0" : "";
  if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") != std::string::npos)
    throw UsageError("there is no device \"" + name + "\"; expected cpu, cuda or cuda:NUMBER.");
  open_cuda();
  const int64_t count = at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (count <= 0)
    throw UsageError(
        "the device " + name +
        " can't be used: this machine has no GPU that LibTorch can use, or lacks its driver; use the device cpu.");
  const int64_t index = std::stoll(number);
  if (index >= count)
    throw UsageError("the device " + name + " does not exist: there are " + std::to_string(count) +
                     " GPUs, numbered from 0; choose one of them.");
  return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
}

NumberFormat format_named(const std::string& name) {
  if (name == "float32")
    return {at::kFloat};
  if (name == "bfloat16")
    return {at::kBFloat16};
  if (name == "float16")
    return {at::kHalf};
  if (name == "stored")
    return {at::kFloat, MatrixForm::stored};
  if (name == "int8")
    return {at::kFloat, MatrixForm::int8};
  throw UsageError("there is no number format \"" + name +
                   "\"; expected float32, bfloat16, float16, stored or int8.");
}

} // namespace cuecard
