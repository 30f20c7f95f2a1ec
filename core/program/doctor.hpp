/// `cuecard doctor`: looks at the machine and the installation, and says what is wrong and what to do.
#pragma once

#include "program/values.hpp"

namespace cuecard::host {

/// Works even if the installation is broken: whatever needs LibTorch runs in a child process. Returns the exit code: 1 if
/// the program can't work as it is.
int doctor(const Values& values);

} // namespace cuecard::host
