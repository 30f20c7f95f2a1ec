/// The mirror device of the SDK (cuecard/testing/mirror_device.hpp) in this process.
#pragma once

#include <c10/core/Device.h>

namespace cuecard::conformance {

class MirrorDevice {
public:
  /// Opens its library. NotApplicable if that is not installed.
  MirrorDevice();

  at::Device device() const { return {at::kPrivateUse1, 0}; }
  /// While it is on, calls that wait for the device throw.
  void watch(bool on) const { watch_(on); }

private:
  bool (*watch_)(bool) = nullptr;
};

} // namespace cuecard::conformance
