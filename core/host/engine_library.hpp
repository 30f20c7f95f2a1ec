/// Opens libcuecard, and LibTorch with it, only when a verb needs the engine.
#pragma once

#include "host/call.hpp"

namespace cuecard::host {

/// Runs the verb in `../lib/libcuecard.so`, seen from the program's folder; the exit code. Throws Error when
/// the library can't be opened.
int run_in_engine(const CuecardCall& call);

} // namespace cuecard::host
