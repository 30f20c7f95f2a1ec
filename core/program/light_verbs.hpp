/// Commands that don't need the engine, so that they start without loading LibTorch.
#pragma once

#include "program/call.hpp"

namespace cuecard::host {

/// Runs `plugin list|info|probe|manifest|new` and those of libcuecard-shipping, `completion`, `doctor`, `version` or `help` and returns the exit code.
int run_without_engine(const CuecardCall& call);

} // namespace cuecard::host
