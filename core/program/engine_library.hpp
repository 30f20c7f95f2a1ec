/// Loads libcuecard, and LibTorch with it, only when a command needs the engine, and libcuecard-shipping, and libarchive with it, only when
/// one needs archives.
#pragma once

#include "program/call.hpp"

namespace cuecard::host {

/// Runs the command in `../lib/libcuecard.so`, relative to the executable, and returns the exit code. Throws
/// Error when the library can't be loaded.
int run_in_engine(const CuecardCall& call);
/// The same for `../lib/libcuecard-shipping.so`.
int run_in_shipping(const CuecardCall& call);

} // namespace cuecard::host
