/// The verbs that need no engine, so that they answer before LibTorch would have been loaded.
#pragma once

#include "host/call.hpp"

namespace cuecard::host {

/// Runs `plugin list|info|probe|manifest`, `completion`, `version` or `help`; the exit code.
int run_without_engine(const CuecardCall& call);

} // namespace cuecard::host
