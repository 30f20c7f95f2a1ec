/// How fast this machine multiplies, and how fast it could.
#pragma once

namespace cuecard::host {

/// In floating-point operations per second.
struct Speed {
  double product = 0; ///< of large matrices in float32, computed as in the models
  double limit = 0; ///< multiply-adds on registers in as many threads at once; 0: not known for this processor
};

/// Takes some three seconds.
Speed measured_speed();

} // namespace cuecard::host
