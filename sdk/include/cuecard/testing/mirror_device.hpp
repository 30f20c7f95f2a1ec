/// A simulated device: memory of the CPU under the device type PrivateUse1, for tests. LibTorch treats its
/// tensors as those of another device, and values equal the CPU's, so what would only fail on a GPU fails here:
///
/// - an operator that mixes a tensor of this device with one of the CPU (of one or more dimensions) throws
///   std::logic_error with the operator's name, or LibTorch's own error where that checks first (elementwise
///   operators);
/// - while a `Watch` is on, so does everything that would make the host wait for the device: reading a value,
///   copying to the CPU, copying from it without `non_blocking`, operators whose output size depends on values;
/// - a tensor's data can't be read at its address: code that uses `data_ptr` ends with SIGSEGV.
///
/// Linking a program with `cuecard::mirror` (libcuecard-mirror.so) registers the device, and so does opening that library.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard::mirror {

inline const at::Device device{at::kPrivateUse1, 0};

/// Watches all threads of the program during its lifetime. May be nested; the innermost one decides.
class CUECARD_API Watch {
public:
  explicit Watch(bool on = true);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

private:
  bool before_;
};

} // namespace cuecard::mirror

/// For programs that open the library by themselves: switches the watch on or off and returns what it was.
extern "C" CUECARD_API bool cuecard_mirror_watch(bool on);
