/// A device that is not there: memory of the CPU under the device type PrivateUse1, for tests. LibTorch takes
/// a tensor on it for one that lies elsewhere, and values equal the CPU's, so what would only fail on a GPU
/// fails here:
///
/// - an operator that mixes a tensor of this device with one of the CPU (of one or more dimensions) throws
///   std::logic_error with the operator's name, or LibTorch's own error where that looks first (elementwise
///   operators);
/// - while a `Watch` is on, so does whatever would make the host wait for the device: reading a value, copying
///   to the CPU, copying from it without `non_blocking`, operators whose result's size depends on values;
/// - the address of a tensor's data can't be read: code that takes `data_ptr` ends with SIGSEGV.
///
/// Link it into a program and the device is registered.
#pragma once

#include <ATen/core/Tensor.h>

namespace cuecard::mirror {

inline const at::Device device{at::kPrivateUse1, 0};

/// Watches all threads of the program while it lives. They may be nested; the inner one decides.
class Watch {
public:
  explicit Watch(bool on = true);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

private:
  bool before_;
};

} // namespace cuecard::mirror
