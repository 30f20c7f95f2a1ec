/// `plugin new`: a folder with a plugin to begin with, which builds, passes its tests and does something real.
#pragma once

#include "program/values.hpp"

namespace cuecard::host {

/// Copies share/cuecard/scaffolds of the running program to a new folder, under the plugin's own name. UsageError for a name that is no
/// plugin id or no C++ name, DataError when the folder exists or can't be written. Returns the exit code.
int new_plugin(const Values& values);

} // namespace cuecard::host
